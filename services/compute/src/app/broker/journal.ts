import type { Clock } from '@zerog/ports'
import { type Drainer, drainer, ZerogError } from '@zerog/primitives'
import type { BrokerMetrics } from './metrics.ts'
import type { BrokerRepository, ReceiptRecord } from './repository.ts'

/**
 * Writes of receipts that share commits: whoever comes while one runs goes with the next. What becomes of an answer afterwards has commits
 * of its own and gathers for a while first: answers wait for their receipts and nobody waits for those (ADR 0168).
 */
export type Journal = {
  /** Resolves when the checkpoint is durable. */
  checkpoint(record: ReceiptRecord): Promise<void>
  final(record: ReceiptRecord): Promise<void>
  /** Whether the receipt waited for it and counts now. */
  acknowledged(id: string): Promise<boolean>
  /** The answer ended early: what was checkpointed counts, nothing else. */
  cut(id: string): Promise<void>
  /** Resolves when nothing waits. */
  idle(): Promise<void>
}

type Waiting<Entry> = {
  readonly entry: Entry
  readonly resolve: (accepted: boolean) => void
  readonly reject: (error: unknown) => void
}
type Lane<Entry> = { readonly submit: (entry: Entry) => Promise<boolean>; readonly worker: Drainer }
type Fate = { readonly kind: 'acknowledged' | 'cut'; readonly id: string }

export function createJournal(
  options: { readonly batchMax: number; readonly waitingMax: number },
  deps: {
    readonly repository: Pick<BrokerRepository, 'appendReceipts' | 'changeReceipts'>
    /** Resolves when what became of answers was gathered long enough. */
    readonly gather: () => Promise<void>
    readonly metrics: Pick<BrokerMetrics, 'durableSeconds'>
    readonly clock: Pick<Clock, 'monotonicMs'>
  },
): Journal {
  const { repository, clock } = deps
  const receipts = openLane<ReceiptRecord>(async (records) => {
    await repository.appendReceipts(records)
    return () => true
  })
  const fates = openLane<Fate>(async (entries) => {
    const idsOf = (kind: Fate['kind']) => entries.flatMap((entry) => (entry.kind === kind ? [entry.id] : []))
    const outcome = await repository.changeReceipts({ acknowledged: idsOf('acknowledged'), cut: idsOf('cut') })
    return ({ kind, id }) => kind === 'cut' || outcome.acknowledged.has(id)
  }, deps.gather)

  /** `write` resolves to what each entry is told. */
  function openLane<Entry>(
    write: (entries: readonly Entry[]) => Promise<(entry: Entry) => boolean>,
    gather?: () => Promise<void>,
  ): Lane<Entry> {
    const waiting: Waiting<Entry>[] = []
    const worker = drainer({
      hasWork: () => waiting.length > 0,
      async step() {
        await gather?.()
        await writeNext(waiting.splice(0, options.batchMax))
      },
    })

    async function writeNext(batch: readonly Waiting<Entry>[]): Promise<void> {
      try {
        const accepted = await write(batch.map(({ entry }) => entry))
        for (const { entry, resolve } of batch) resolve(accepted(entry))
      } catch (error) {
        // One that cannot be written must not take the others with it.
        if (batch.length === 1) batch[0]?.reject(error)
        else for (const one of batch) await writeNext([one])
      }
    }

    return {
      worker,
      submit(entry) {
        if (waiting.length >= options.waitingMax) {
          const message = `${waiting.length} receipts wait for the database`
          return Promise.reject(new ZerogError('QUEUE_FULL', { message, retryAfterMs: 1000 }))
        }
        return new Promise((resolve, reject) => {
          waiting.push({ entry, resolve, reject })
          worker.wake()
        })
      },
    }
  }

  async function keep(record: ReceiptRecord): Promise<void> {
    const startedMs = clock.monotonicMs()
    await receipts.submit(record)
    deps.metrics.durableSeconds.observe((clock.monotonicMs() - startedMs) / 1000)
  }

  return {
    checkpoint: keep,
    final: keep,
    acknowledged: (id) => fates.submit({ kind: 'acknowledged', id }),
    async cut(id) {
      await fates.submit({ kind: 'cut', id })
    },
    async idle() {
      await receipts.worker.idle()
      await fates.worker.idle()
    },
  }
}
