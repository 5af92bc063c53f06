import type { ModuleContext } from '@zerog/runtime'
import type { WorkerConnector } from '../../app/broker/ports.ts'
import { createWorkerMetrics } from '../../app/worker/metrics.ts'
import { createWorker, type Worker } from '../../app/worker/worker.ts'
import type { ComputeBrokerConfig } from '../../config.ts'
import { openEngine } from '../engines/open.ts'
import { localWorkerClient } from '../local-worker.ts'

/** Upstreams that the broker asks itself stand before the workers of the network, as a worker more (ADR 0165). */
export async function withOwnUpstreams(
  { config, clock, logger, meter }: ModuleContext<ComputeBrokerConfig>,
  others: WorkerConnector,
): Promise<{ readonly connector: WorkerConnector; readonly health: Worker['health']; readonly close: () => Promise<void> }> {
  if (config.upstreams.length === 0) return { connector: others, health: () => [], close: async () => {} }
  const worker = createWorker(config, { clock, metrics: createWorkerMetrics(meter, clock) })
  for (const entry of config.upstreams) {
    const upstream = { firstByteMs: config.upstreamFirstByteMs, idleMs: config.upstreamIdleMs }
    const file = () => Promise.reject(new Error('an upstream has no file'))
    worker.add(await openEngine(entry, { clock, logger, meter, upstream, file }))
  }
  const local = localWorkerClient(worker)
  return {
    connector: {
      instances: () => 1 + others.instances(),
      client: (instance) => (instance === 0 ? local : others.client(instance - 1)),
    },
    health: worker.health,
    close: () => worker.close(),
  }
}
