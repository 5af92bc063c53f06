import type { Logger } from '@zerog/ports'
import { drainer, ZerogError } from '@zerog/primitives'
import type { JournalEntries, RouterRepository } from './ports.ts'

type Writable = { -readonly [Name in keyof JournalEntries]: JournalEntries[Name][number][] }

export type Journal = {
  /** Resolves when it is durable. Whatever comes while a write runs goes into the next one together. */
  add(entries: Partial<JournalEntries>): Promise<void>
  /** Entries that are not durable yet. */
  readonly pending: number
  idle(): Promise<void>
}

/** Entries of one write at most, so that a transaction stays short. */
const ENTRIES_MAX = 512
/** Entries that may wait; more means that the database does not keep up, and nobody is let in. */
const PENDING_MAX = 50_000

/** Group commit: one transaction at a time, holding all that arrived meanwhile. */
export function createJournal(deps: {
  readonly repository: RouterRepository
  readonly holder: string
  readonly logger: Logger
  /** Waits before a write so that more go with it; before one that somebody waits for no longer than what this turn still has to send. */
  readonly gather: (urgent: boolean) => Promise<void>
}): Journal {
  type Waiting = {
    readonly entries: Partial<JournalEntries>
    readonly resolve: () => void
    readonly reject: (error: unknown) => void
  }
  const queue: Waiting[] = []
  let hurried = false
  const worker = drainer({ hasWork: () => queue.length > 0, step: writeNext })

  async function writeNext(): Promise<void> {
    // Clients wait for answers that are kept for a repeated request; what a stream may cost must be known before it costs something.
    const urgent = queue.some(({ entries }) => entries.answers !== undefined || entries.opened !== undefined)
    await deps.gather(urgent || hurried)
    const batch = queue.splice(0, ENTRIES_MAX)
    try {
      await deps.repository.write(deps.holder, merged(batch.map(({ entries }) => entries)))
      for (const { resolve } of batch) resolve()
    } catch (error) {
      deps.logger.error('router_journal_failed', { entries: batch.length, error })
      for (const { reject } of batch) reject(error)
    }
  }

  return {
    add(entries) {
      if (queue.length >= PENDING_MAX) {
        return Promise.reject(new ZerogError('QUEUE_FULL', { message: 'the database does not keep up', retryAfterMs: 1000 }))
      }
      return new Promise((resolve, reject) => {
        queue.push({ entries, resolve, reject })
        worker.wake()
      })
    },
    get pending() {
      return queue.length
    },
    async idle() {
      hurried = true
      await worker.idle()
      hurried = false
    },
  }
}

function merged(list: readonly Partial<JournalEntries>[]): JournalEntries {
  const all: Writable = { opened: [], spent: [], outcomes: [], answers: [] }
  for (const { opened, spent, outcomes, answers } of list) {
    if (opened !== undefined) all.opened.push(...opened)
    if (spent !== undefined) all.spent.push(...spent)
    if (outcomes !== undefined) all.outcomes.push(...outcomes)
    if (answers !== undefined) all.answers.push(...answers)
  }
  return all
}
