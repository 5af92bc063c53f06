import { StorageServiceDefinition } from '@zerog/proto/storage'
import type { ModuleContext, RunningModule } from '@zerog/runtime'
import type { Engine } from '../../app/worker/engine.ts'
import { createWorkerMetrics } from '../../app/worker/metrics.ts'
import { createWorker, type Worker } from '../../app/worker/worker.ts'
import type { ComputeWorkerConfig, ModelEntry } from '../../config.ts'
import { LIMITS } from '../../limits.ts'
import { openEngine } from '../engines/open.ts'
import { serveWorker } from '../grpc/worker/serve.ts'
import { modelFile } from '../models/model-file.ts'
import { shippedModels } from '../models/shipped.ts'

type Context = ModuleContext<ComputeWorkerConfig>

/** Puts the worker together: models that are on this disk at once, the others as soon as storage has handed them out. */
export async function startWorker(context: Context): Promise<RunningModule> {
  const { config, clock, logger, meter } = context
  const worker = createWorker(config, { clock, metrics: createWorkerMetrics(meter, clock) })
  serveWorker(context.rpc, worker)
  observe(context, worker)
  const entries = config.models ?? (await shippedModels())
  const missing = new Map<string, string>()
  const stopping = new AbortController()
  const local = entries.filter((entry) => entry.engine === 'upstream' || entry.path !== undefined)
  const remote = entries.filter((entry) => !local.includes(entry))
  for (const entry of local) worker.add(await open(context, entry, stopping.signal))
  const fetching = remote.map((entry) => fetchUntilThere(context, { entry, worker, missing, signal: stopping.signal }))
  let draining = false
  return {
    health: () => ({
      ready: !draining,
      checks: [
        ...(worker.models().length === 0 ? [{ name: 'models', ok: missing.size === 0, detail: 'no model is loaded' }] : []),
        ...worker.health(),
        ...[...missing].map(([name, detail]) => ({ name: `model ${name}`, ok: false, detail })),
      ],
    }),
    async drain() {
      draining = true
      const late = Promise.withResolvers<void>()
      const cancel = clock.after(LIMITS.worker.drainMs, late.resolve)
      await Promise.race([worker.idle(), late.promise])
      cancel()
    },
    async stop() {
      stopping.abort()
      await Promise.all(fetching)
      await worker.close()
      logger.info('worker_stopped')
    },
  }
}

async function open(context: Context, entry: ModelEntry, signal: AbortSignal): Promise<Engine> {
  const { config, clock, logger, meter } = context
  const engine = await openEngine(entry, {
    clock,
    logger,
    meter,
    file: (source) => {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(config.modelFetchMs)])
      const storage = context.rpc.client(StorageServiceDefinition, 'storage-gateway')
      return modelFile(source, { dataDir: context.dataDir, storage, signal: limited })
    },
    upstream: { firstByteMs: config.upstreamFirstByteMs, idleMs: config.upstreamIdleMs },
  })
  logger.info('model_loaded', {
    model: engine.model.id,
    engine: engine.model.kind,
    parameters: String(engine.model.parameterCount),
  })
  return engine
}

/** A model that is not in storage yet may be there in a minute: the worker serves the others meanwhile. */
async function fetchUntilThere(
  context: Context,
  of: {
    readonly entry: ModelEntry
    readonly worker: Worker
    readonly missing: Map<string, string>
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { entry, worker, missing, signal } = of
  const name = entry.id ?? ('root' in entry ? (entry.root ?? '') : '')
  for (let attempt = 0; !signal.aborted; attempt++) {
    missing.set(name, 'waits for its bytes from storage')
    try {
      worker.add(await open(context, entry, signal))
      missing.delete(name)
      return
    } catch (error) {
      if (signal.aborted) return
      missing.set(name, error instanceof Error ? error.message : String(error))
      context.logger.warn('model_not_loaded', { model: name, error })
    }
    await context.clock.sleep(Math.min(1000 * 2 ** Math.min(attempt, 6), 60_000), signal).catch(() => {})
  }
}

function observe({ meter }: Context, worker: Worker): void {
  meter.gauge({
    name: 'zerog_compute_queue_waiting_count',
    help: 'Requests that wait for a slot, over all models.',
    read: () => worker.queue().waiting,
  })
  meter.gauge({
    name: 'zerog_compute_generations_running_count',
    help: 'Answers that are made now.',
    read: () => worker.queue().running,
  })
  meter.gauge({
    name: 'zerog_compute_models_loaded_count',
    help: 'Models that this worker can run.',
    read: () => worker.models().length,
  })
}
