import type { Scenario } from '@zerog/sim'

/**
 * Every scenario that `pnpm sim` and `npm test` know, loaded when it is asked for, so that one service's trouble is not another's.
 * `seeds`: how many a plain test run tries.
 */
export const SCENARIOS: Readonly<Record<string, { readonly seeds: number; readonly load: () => Promise<Scenario> }>> = {
  'replicated-log': {
    seeds: 40,
    load: async () => (await import('../../../packages/sim/test/replicated-log.ts')).replicatedLog(),
  },
  mempool: { seeds: 60, load: async () => (await import('./scenarios/mempool.ts')).mempoolScenario() },
  'chain-validator': {
    seeds: 15,
    load: async () => (await import('./scenarios/chain-validator.ts')).chainValidatorScenario(),
  },
  da: { seeds: 40, load: async () => (await import('./scenarios/da.ts')).daScenario() },
  'da-disperser': {
    seeds: 40,
    load: async () => (await import('./scenarios/da-disperser.ts')).daDisperserScenario(),
  },
  storage: { seeds: 150, load: async () => (await import('./scenarios/storage.ts')).storageScenario() },
}
