import type { Clock, Logger } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { TakenModel, WorkerClient, WorkerConnector, WorkerModel } from './ports.ts'

export type Workers = {
  /** Every model that some worker offers, by id. Where workers differ, the first counts. */
  models(): readonly WorkerModel[]
  /** The worker with the fewest calls of ours among those that have the model; undefined where none has it. */
  take(model: string): TakenModel | undefined
  reachable(): { readonly count: number; readonly known: number }
  /** Asks all workers; resolves when each answered or failed. */
  refresh(signal: AbortSignal): Promise<void>
}

type Known = { readonly client: WorkerClient; models: ReadonlyMap<string, WorkerModel>; reachable: boolean; calls: number }

export function createWorkers(
  options: { readonly timeoutMs: number; readonly accepts: (model: WorkerModel) => boolean },
  deps: { readonly connector: WorkerConnector; readonly clock: Clock; readonly logger: Logger },
): Workers {
  const known: Known[] = []

  async function ask(instance: number, signal: AbortSignal): Promise<void> {
    known[instance] ??= { client: deps.connector.client(instance), models: new Map(), reachable: false, calls: 0 }
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
    } catch (error) {
      if (worker.reachable) deps.logger.warn('worker_lost', { instance, error })
      worker.reachable = false
    } finally {
      cancel()
    }
  }

  return {
    models() {
      const all = new Map<string, WorkerModel>()
      for (const worker of known) {
        if (worker?.reachable !== true) continue
        for (const [id, model] of worker.models) if (!all.has(id)) all.set(id, model)
      }
      return [...all.values()]
    },
    take(id) {
      let best: { readonly worker: Known; readonly model: WorkerModel } | undefined
      for (const worker of known) {
        const model = worker?.reachable === true ? worker.models.get(id) : undefined
        if (worker !== undefined && model !== undefined && (best === undefined || worker.calls < best.worker.calls)) {
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
