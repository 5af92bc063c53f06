import { daEntrance } from './artifacts/da-entrance.ts'
import { daSigners } from './artifacts/da-signers.ts'
import { demoToken } from './artifacts/demo-token.ts'
import { flow } from './artifacts/flow.ts'
import { greeter } from './artifacts/greeter.ts'
import { market } from './artifacts/market.ts'

export {
  addresses,
  COMPUTE_ADDRESSES,
  DEVNET_CHAIN_ID,
  DEVNET_COMPUTE_ADDRESSES,
  type NetworkAddresses,
  PREDEPLOY_ADDRESSES,
  SYSTEM_ADDRESSES,
} from './addresses.ts'
export { fineTuningServingAbi, inferenceServingAbi, ledgerManagerAbi } from './compute-abi.ts'
export {
  affineKey,
  type CallContract,
  type CertifiedWindow,
  type EncodedSubmission,
  encodeRegisterKey,
  encodeSubmitCertificates,
  readCommittee,
  readEpoch,
} from './da/calls.ts'
export { developmentDaMembers } from './da/development.ts'
export { DA_DEFAULTS, type DaParameters } from './da/genesis.ts'
export {
  DEVELOPMENT_ACCOUNT_COUNT,
  DEVELOPMENT_MNEMONIC,
  type DevelopmentAccount,
  type DevelopmentDaNode,
  developmentAccounts,
  developmentDaNode,
  developmentDisperser,
} from './development.ts'
export {
  DEVELOPMENT_BALANCE_WEI,
  type GenesisAccount,
  type GenesisAllocation,
  type GenesisOptions,
  genesisAllocation,
  STORAGE_DEFAULTS,
  type StorageParameters,
} from './genesis.ts'

/** ABIs as viem infers types from. */
export const flowAbi = flow.abi
export const marketAbi = market.abi
export const daSignersAbi = daSigners.abi
export const daEntranceAbi = daEntrance.abi
export const greeterAbi = greeter.abi
export const demoTokenAbi = demoToken.abi

/** ABI, creation and runtime code, storage layout. */
export const artifacts = { daEntrance, daSigners, demoToken, flow, greeter, market } as const
