import type { Clock, Logger } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { TakenModel, WorkerClient, WorkerConnector, WorkerModel } from './ports.ts'

export type Workers = {
  /** Every model that some worker offers, by id; those of a worker that is restarting too. Where workers differ, the first counts. */
  models(): readonly WorkerModel[]
  /**
   * The worker with the fewest calls of ours among those that have the model; where none is reachable one that was a moment ago, for it may
   * be back. undefined where none has it.
   */
  take(model: string): TakenModel | undefined
  reachable(): { readonly count: number; readonly known: number }
  /** Asks all workers; resolves when each answered or failed. */
  refresh(signal: AbortSignal): Promise<void>
}

type Known = {
  readonly client: WorkerClient
  models: ReadonlyMap<string, WorkerModel>
  reachable: boolean
  /** When it last answered. */
  seenMs: number
  calls: number
}

/** A worker that answered so recently is restarting, not gone: its models stay on offer, ms. */
const RESTARTING_MS = 30_000

export function createWorkers(
  options: { readonly timeoutMs: number; readonly accepts: (model: WorkerModel) => boolean },
  deps: { readonly connector: WorkerConnector; readonly clock: Clock; readonly logger: Logger },
): Workers {
  const known: Known[] = []

  async function ask(instance: number, signal: AbortSignal): Promise<void> {
    known[instance] ??= { client: deps.connector.client(instance), models: new Map(), reachable: false, seenMs: 0, calls: 0 }
    const worker = known[instance]
    const timeout = new AbortController()
    const cancel = deps.clock.after(options.timeoutMs, () =>
      timeout.abort(
        new ZerogError('DEADLINE_EXCEEDED', { message: `worker ${instance} did not answer in ${options.timeoutMs} ms` }),
      ),
    )
    try {
      const models = await worker.client.listModels(AbortSignal.any([signal, timeout.signal]))
      worker.models = new Map(models.filter(options.accepts).map((model) => [model.id, model]))
      if (!worker.reachable) deps.logger.info('worker_reachable', { instance, models: [...worker.models.keys()] })
      worker.reachable = true
      worker.seenMs = deps.clock.monotonicMs()
    } catch (error) {
      if (worker.reachable) deps.logger.warn('worker_lost', { instance, error })
      worker.reachable = false
    } finally {
      cancel()
    }
  }

  const isThere = (worker: Known) =>
    worker.reachable || (worker.models.size > 0 && deps.clock.monotonicMs() - worker.seenMs < RESTARTING_MS)
  /** Whether `one` is the better choice. */
  const isFreer = (one: Known, other: Known) => (one.reachable === other.reachable ? one.calls < other.calls : one.reachable)

  return {
    models() {
      const all = new Map<string, WorkerModel>()
      for (const worker of known) {
        if (worker === undefined || !isThere(worker)) continue
        for (const [id, model] of worker.models) if (!all.has(id)) all.set(id, model)
      }
      return [...all.values()]
    },
    take(id) {
      let best: { readonly worker: Known; readonly model: WorkerModel } | undefined
      for (const worker of known) {
        const model = worker !== undefined && isThere(worker) ? worker.models.get(id) : undefined
        if (worker !== undefined && model !== undefined && (best === undefined || isFreer(worker, best.worker))) {
          best = { worker, model }
        }
      }
      if (best === undefined) return undefined
      const { worker, model } = best
      worker.calls++
      let released = false
      return {
        client: worker.client,
        model,
        release() {
          if (!released) worker.calls--
          released = true
        },
      }
    },
    reachable: () => ({ count: known.filter((worker) => worker?.reachable === true).length, known: known.length }),
    async refresh(signal) {
      const instances = Array.from({ length: deps.connector.instances() }, (_, instance) => instance)
      await Promise.all(instances.map((instance) => ask(instance, signal)))
    },
  }
}
