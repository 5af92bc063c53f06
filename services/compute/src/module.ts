import { defineModule } from '@zerog/runtime'
import { startBroker } from './adapters/start/broker.ts'
import { computeBrokerConfig } from './config.ts'

// Each target is put together in adapters/start/<target>.ts, so that the three grow beside each other.

/** 0G's provider API in front of this provider's workers: who may ask, what it costs, what was answered, what is settled. */
export const computeBrokerModule = defineModule({
  target: 'compute-broker',
  dependsOn: ['chain-validator', 'compute-worker'],
  config: computeBrokerConfig,
  start: startBroker,
})
