import { defineModule } from '@zerog/runtime'
import { startBroker } from './adapters/start/broker.ts'
import { startRouter } from './adapters/start/router.ts'
import { startWorker } from './adapters/start/worker.ts'
import { computeBrokerConfig, computeRouterConfig, computeWorkerConfig } from './config.ts'

// Each target is put together in adapters/start/<target>.ts, so that the three grow beside each other.

/** 0G's provider API in front of this provider's workers: who may ask, what it costs, what was answered, what is settled. */
export const computeBrokerModule = defineModule({
  target: 'compute-broker',
  dependsOn: ['chain-validator', 'chain-rpc', 'da-disperser', 'compute-worker'],
  config: computeBrokerConfig,
  start: startBroker,
})

/** Runs models: our integer-exact one, GGUF files, or whatever speaks OpenAI's API. */
export const computeWorkerModule = defineModule({
  target: 'compute-worker',
  dependsOn: [],
  config: computeWorkerConfig,
  start: startWorker,
})

/** OpenAI's API in front of all providers of the network, paid from one prepaid balance. */
export const computeRouterModule = defineModule({
  target: 'compute-router',
  dependsOn: ['chain-validator', 'compute-broker'],
  config: computeRouterConfig,
  start: startRouter,
})
