import { defineModule } from '@zerog/runtime'
import { startBroker } from './adapters/start/broker.ts'
import { startWorker } from './adapters/start/worker.ts'
import { computeBrokerConfig, computeWorkerConfig } from './config.ts'

// Each target is put together in adapters/start/<target>.ts, so that the three grow beside each other.

/** 0G's provider API in front of this provider's workers: who may ask, what it costs, what was answered, what is settled. */
export const computeBrokerModule = defineModule({
  target: 'compute-broker',
  dependsOn: ['chain-validator', 'compute-worker'],
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
