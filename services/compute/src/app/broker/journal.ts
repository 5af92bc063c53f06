import { type Drainer, drainer, ZerogError } from '@zerog/primitives'
import type { BrokerRepository, ReceiptRecord } from './repository.ts'

/**
 * Writes of receipts that share commits: whoever comes while one runs goes with the next. Acknowledgements have commits of their own,
 * because answers wait for their receipts and nobody waits for those.
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

type Change =
  | { readonly kind: 'checkpoint' | 'final'; readonly record: ReceiptRecord }
  | { readonly kind: 'acknowledged' | 'cut'; readonly id: string }
type Waiting = {
  readonly change: Change
  readonly resolve: (accepted: boolean) => void
  readonly reject: (error: unknown) => void
}

type Lane = { readonly waiting: Waiting[]; readonly worker: Drainer }

export function createJournal(
  options: { readonly batchMax: number; readonly waitingMax: number },
  deps: { readonly repository: Pick<BrokerRepository, 'changeReceipts'> },
): Journal {
  const lanes: Readonly<Record<'receipts' | 'acknowledgements', Lane>> = {
    receipts: openLane(),
    acknowledgements: openLane(),
  }

  function openLane(): Lane {
    const waiting: Waiting[] = []
    return { waiting, worker: drainer({ hasWork: () => waiting.length > 0, step: () => writeNext(waiting) }) }
  }

  function submit(change: Change): Promise<boolean> {
    const lane = change.kind === 'acknowledged' ? lanes.acknowledgements : lanes.receipts
    const { waiting, worker } = lane
    if (waiting.length >= options.waitingMax) {
      const message = `${waiting.length} receipts wait for the database`
      return Promise.reject(new ZerogError('QUEUE_FULL', { message, retryAfterMs: 1000 }))
    }
    return new Promise((resolve, reject) => {
      waiting.push({ change, resolve, reject })
      worker.wake()
    })
  }

  async function writeNext(waiting: Waiting[]): Promise<void> {
    const batch = waiting.splice(0, options.batchMax)
    try {
      await write(batch)
    } catch (error) {
      // One that cannot be written must not take the others with it.
      if (batch.length === 1) batch[0]?.reject(error)
      else for (const one of batch) await write([one]).catch(one.reject)
    }
  }

  async function write(batch: readonly Waiting[]): Promise<void> {
    const changes = batch.map(({ change }) => change)
    // The last checkpoint of an answer stands for the earlier ones.
    const checkpoints = new Map<string, ReceiptRecord>()
    for (const change of changes) if (change.kind === 'checkpoint') checkpoints.set(change.record.id, change.record)
    const outcome = await deps.repository.changeReceipts({
      checkpoints: [...checkpoints.values()],
      finals: changes.flatMap((change) => (change.kind === 'final' ? [change.record] : [])),
      acknowledged: changes.flatMap((change) => (change.kind === 'acknowledged' ? [change.id] : [])),
      cut: changes.flatMap((change) => (change.kind === 'cut' ? [change.id] : [])),
    })
    for (const { change, resolve } of batch) {
      resolve(change.kind !== 'acknowledged' || outcome.acknowledged.has(change.id))
    }
  }

  return {
    async checkpoint(record) {
      await submit({ kind: 'checkpoint', record })
    },
    async final(record) {
      await submit({ kind: 'final', record })
    },
    acknowledged: (id) => submit({ kind: 'acknowledged', id }),
    async cut(id) {
      await submit({ kind: 'cut', id })
    },
    async idle() {
      for (const { worker } of Object.values(lanes)) await worker.idle()
    },
  }
}
