import type { Prng } from './prng.ts'

/** Everything that the simulator can do to a system. The comment says what one of it means. */
export const FAULT_KINDS = [
  'node.power_cut', // memory and unsynced writes are gone
  'node.kill', // SIGKILL: memory is gone, the page cache stays
  'node.crash_point', // a power cut or kill exactly at a disk operation, not only between events
  'node.pause', // a stall as of a garbage collector or a stopped virtual machine
  'clock.skew', // a node's clocks run fast or slow and its date is off
  'clock.jump', // a node's date is stepped
  'network.slow', // one message takes 10 to 100 times as long
  'network.loss', // a raw message vanishes; a stream's frame is sent again later
  'network.duplicate', // a raw message arrives twice
  'network.reset', // a connection breaks: the caller does not know what happened
  'network.partition', // some directed links carry nothing
  'network.queue_full', // a link took no more messages (an effect, not a decision)
  'disk.lost_write', // an unsynced write did not survive a power cut (an effect)
  'disk.torn_write', // an unsynced blob survived in part (an effect)
  'disk.bit_flip', // one bit of a stored record turned
  'disk.slow', // a sync takes 10 to 100 times as long
  'disk.io_error', // a sync failed with EIO; the store is unusable until the process restarts
  'disk.full', // a write was refused with ENOSPC
  'bus.drop', // a delivery got lost and comes again after the ack wait
  'bus.duplicate', // an acknowledgement got lost: the message is handled again
  'bus.delay', // a delivery takes long
  'remote.refused', // a call to an external service failed before it had an effect
  'remote.unknown', // a call to an external service had its effect, the answer got lost
  'cache.lost', // the cache forgot everything
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

/** Probability per opportunity (a message, a sync, a delivery…), or 1 for kinds that the nemesis times. Absent: 0. */
export type FaultRates = Partial<Record<FaultKind, number>>

export type FaultControls = {
  /** Kinds that stay off. */
  readonly without?: readonly FaultKind[]
  /** Only the first so many decisions may be a fault: how shrinking cuts off a run's end. */
  readonly decisionsMax?: number
}

/**
 * Decides every fault and counts it. With `swarm` each run switches every kind off with probability 1/2: some bugs need one
 * fault often and no other (swarm testing, Groce et al. 2012). Every kind has its own stream, so switching one off leaves the
 * decisions of the others as they were.
 */
export class Faults {
  readonly counts = new Map<FaultKind, number>()
  readonly #rates: FaultRates
  readonly #streams = new Map<FaultKind, Prng>()
  readonly #off = new Set<FaultKind>()
  readonly #prng: Prng
  readonly #decisionsMax: number
  #decisions = 0
  #quiet = false

  constructor(prng: Prng, options: { readonly rates: FaultRates; readonly swarm: boolean } & FaultControls) {
    this.#prng = prng
    this.#rates = options.rates
    this.#decisionsMax = options.decisionsMax ?? Number.POSITIVE_INFINITY
    const swarm = prng.fork('swarm')
    for (const kind of FAULT_KINDS) {
      const off = options.swarm && swarm.chance(0.5)
      if (off || options.without?.includes(kind)) this.#off.add(kind)
    }
  }

  /** Whether this happens now. `rate` replaces the scenario's. */
  roll(kind: FaultKind, rate: number = this.#rates[kind] ?? 0): boolean {
    if (rate <= 0 || this.#quiet || this.#off.has(kind) || this.#decisions >= this.#decisionsMax) return false
    if (!this.stream(kind).chance(rate)) return false
    this.#decisions++
    this.note(kind)
    return true
  }

  /** Counts an effect that followed from other decisions. */
  note(kind: FaultKind): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
  }

  /** The numbers behind faults of one kind: which victim, how long. */
  stream(kind: FaultKind): Prng {
    let stream = this.#streams.get(kind)
    if (stream === undefined) {
      stream = this.#prng.fork(kind)
      this.#streams.set(kind, stream)
    }
    return stream
  }

  /** No fault from now on: what a scenario does before it asks whether the system recovers. */
  quieten(): void {
    this.#quiet = true
  }

  get decisions(): number {
    return this.#decisions
  }
}
