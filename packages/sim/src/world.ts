import type { Cancel } from '@zerog/ports'
import type { Owner } from './event-queue.ts'
import type { Faults } from './faults.ts'
import type { Prng } from './prng.ts'

export type EventOptions = {
  readonly delayUs: number
  /** Dropped when the owner has died by then, kept while it is paused. */
  readonly owner?: Owner
  /** snake_case words joined by dots; part of the audit hash, as is `detail`. */
  readonly kind: string
  readonly detail?: string
  readonly run: () => void
}

/** What the parts of the simulator see of it. */
export type World = {
  readonly nowUs: () => number
  readonly schedule: (event: EventOptions) => Cancel
  readonly faults: Faults
  /** A line of the story that is not an event of its own. */
  readonly record: (who: string, kind: string, detail: string) => void
  /** Whether a node cannot reach what is outside of all nodes: database, bus, cache, leases. */
  readonly isServiceCut: (node: string) => boolean
  /** The run has failed: it ends after the current event. */
  readonly fail: (error: unknown) => void
  readonly prng: Prng
}

/** For callers that have died: their code is still on the heap but never goes on. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => {})
}
