export { Audit } from './audit.ts'
export type { ChainHooks, SimChain } from './chain-client.ts'
export { SIM_EPOCH_MS } from './clock.ts'
export type { DiskOptions } from './disk.ts'
export { SimEscape } from './escape-guard.ts'
export { EventQueue, type SimEvent } from './event-queue.ts'
export { FAULT_KINDS, type FaultControls, type FaultKind, type FaultRates, Faults } from './faults.ts'
export type { NemesisPlan } from './nemesis.ts'
export { type Endpoint as NetworkEndpoint, type NetworkOptions, SERVICES } from './network.ts'
export type { CrashOptions, NodeEnv, NodeOptions, SimNode } from './node.ts'
export { Prng, simRandom } from './prng.ts'
export {
  campaign,
  expectCoverage,
  expectSameHash,
  type Outcome,
  printFaults,
  type RunOptions,
  type Scenario,
  SimFailure,
  seedRange,
  shrink,
  simulate,
} from './scenario.ts'
export { CheckFailed, Sim, type SimOptions, SimStalled } from './sim.ts'
