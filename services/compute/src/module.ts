import { defineModule } from '@zerog/runtime'
import { computeBrokerConfig, computeRouterConfig, computeWorkerConfig } from './config.ts'

// Each target is put together in adapters/start/<target>.ts, and its code is loaded when it starts: a worker has no use for what the
// other two know of HTTP, contracts and evidence.

/** 0G's provider API in front of this provider's workers: who may ask, what it costs, what was answered, what is settled. */
export const computeBrokerModule = defineModule({
  target: 'compute-broker',
  dependsOn: ['chain-validator', 'chain-rpc', 'da-disperser', 'compute-worker'],
  config: computeBrokerConfig,
  start: async (context) => (await import('./adapters/start/broker.ts')).startBroker(context),
})

/** Runs models: our integer-exact one, GGUF files, or whatever speaks OpenAI's API. */
export const computeWorkerModule = defineModule({
  target: 'compute-worker',
  dependsOn: [],
  config: computeWorkerConfig,
  start: async (context) => (await import('./adapters/start/worker.ts')).startWorker(context),
})

/** OpenAI's API in front of all providers of the network, paid from one prepaid balance. */
export const computeRouterModule = defineModule({
  target: 'compute-router',
  dependsOn: ['chain-validator', 'compute-broker'],
  config: computeRouterConfig,
  start: async (context) => (await import('./adapters/start/router.ts')).startRouter(context),
})
