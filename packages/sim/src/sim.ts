import { setImmediate } from 'node:timers'
import type { Cancel, Clock } from '@zerog/ports'
import { AssertionError, assert } from '@zerog/primitives'
import { Audit } from './audit.ts'
import { SimBus } from './bus.ts'
import { SimCache } from './cache.ts'
import { SimChain } from './chain-client.ts'
import { simClock } from './clock.ts'
import { openGuard } from './escape-guard.ts'
import { EventQueue, type Owner, type SimEvent } from './event-queue.ts'
import { type FaultControls, type FaultRates, Faults } from './faults.ts'
import { SimLeases } from './leases.ts'
import { LIMITS } from './limits.ts'
import { Nemesis, type NemesisPlan } from './nemesis.ts'
import { Network, type NetworkOptions, SERVICES } from './network.ts'
import { type NodeEnv, type NodeOptions, SimNode } from './node.ts'
import { Prng } from './prng.ts'
import type { EventOptions, World } from './world.ts'

export type SimOptions = FaultControls & {
  readonly seed: bigint
  readonly faults?: FaultRates
  /** Switch each kind of fault off with probability 1/2. Default true. */
  readonly swarm?: boolean
  readonly network?: NetworkOptions
  readonly eventsMax?: number
  readonly timeMaxMs?: number
  /** Globals that libraries may use because no result depends on them, e.g. `crypto.getRandomValues` for blinding. */
  readonly allowedGlobals?: readonly string[]
  /** Gets every line of the story. */
  readonly trace?: (line: string) => void
}

/**
 * A world of named nodes on virtual time. One event runs at a time; after it every microtask it caused, then the checkers, then
 * the next event. So asynchronous code is deterministic as long as it waits only for what its `NodeEnv` (or this class) gives.
 */
export class Sim implements World {
  readonly seed: bigint
  /** Decisions of the scenario itself. */
  readonly prng: Prng
  readonly faults: Faults
  readonly network: Network
  readonly bus: SimBus
  readonly leases: SimLeases
  readonly cache: SimCache
  readonly chain: SimChain
  readonly nemesis: Nemesis
  /** True time. */
  readonly clock: Clock
  readonly #audit: Audit
  readonly #queue = new EventQueue()
  readonly #checkers: { readonly name: string; readonly check: () => void }[] = []
  readonly #nodes = new Map<string, SimNode<any>>()
  readonly #ties: Prng
  readonly #grainUs: number
  readonly #options: SimOptions
  #timeUs = 0
  #sequence = 0
  #events = 0
  /** Later events have to wait. */
  #horizonUs = Number.POSITIVE_INFINITY
  #onSchedule: () => void = () => {}
  #wake = () => {}
  #failure: { readonly error: unknown } | undefined

  constructor(options: SimOptions) {
    const root = Prng.fromSeed(options.seed)
    this.seed = options.seed
    this.#options = options
    this.#audit = new Audit(options.trace)
    this.#ties = root.fork('ties')
    // Times on a coarse grid fall together, and the order of what falls together is random.
    this.#grainUs = root.fork('grain').pick([1, 100, 1_000, 10_000])
    this.prng = root.fork('scenario')
    this.faults = new Faults(root.fork('faults'), { ...options, rates: options.faults ?? {}, swarm: options.swarm ?? true })
    this.clock = simClock(this)
    this.network = new Network(this, root.fork('network'), options.network)
    this.bus = new SimBus(this, root.fork('bus'))
    this.leases = new SimLeases(this, root.fork('leases'))
    this.cache = new SimCache(this, root.fork('cache'))
    this.chain = new SimChain(this, root.fork('chain'))
    this.nemesis = new Nemesis(this)
  }

  /** Adds a node; `start` brings it to life. The factory runs once per life and gets that life's ports. */
  node<App>(name: string, factory: (env: NodeEnv) => App | Promise<App>, options: NodeOptions<App> = {}): SimNode<App> {
    assert(!this.#nodes.has(name), `two nodes are called ${name}`)
    const node = new SimNode<App>(this, name, factory, options)
    this.#nodes.set(name, node)
    this.network.add(node)
    return node
  }

  get nodes(): readonly SimNode<any>[] {
    return [...this.#nodes.values()]
  }

  /** `check` runs after every event and throws when what must always be true is not. */
  check(name: string, check: () => void): void {
    this.#checkers.push({ name, check })
  }

  /** Lets the nemesis loose. Sugar for `sim.nemesis.start(plan)`. */
  torment(plan: NemesisPlan): void {
    this.nemesis.start(plan)
  }

  /** No fault from now on, every link up, every node running (but those that failed for good): the time to ask whether the system recovers. */
  async heal(): Promise<void> {
    this.faults.quieten()
    this.nemesis.stop()
    this.network.heal()
    for (const node of this.nodes) if (node.wasStarted && node.state !== 'failed') await node.ready()
  }

  readonly nowUs = (): number => this.#timeUs

  get nowMs(): number {
    return this.#timeUs / 1_000
  }

  readonly isServiceCut = (node: string): boolean => this.network.isCut(node, SERVICES)

  readonly record = (who: string, kind: string, detail: string): void => this.#audit.record(this.#timeUs, who, kind, detail)

  readonly fail = (error: unknown): void => {
    this.#failure ??= { error }
  }

  readonly schedule = (options: EventOptions): Cancel => {
    assert(options.delayUs >= 0, 'an event cannot happen in the past')
    assert(this.#queue.size < LIMITS.eventsPendingMax, `more than ${LIMITS.eventsPendingMax} events wait`)
    const due = this.#timeUs + options.delayUs
    const event: SimEvent = {
      timeUs: Math.ceil(due / this.#grainUs) * this.#grainUs,
      tie: this.#ties.next(),
      sequence: this.#sequence++,
      owner: options.owner,
      kind: options.kind,
      detail: options.detail ?? '',
      run: options.run,
      cancelled: false,
    }
    this.#queue.push(event)
    this.#onSchedule()
    return () => {
      event.cancelled = true
    }
  }

  /** Puts events that waited for a paused node back into the queue. */
  readonly unpark = (events: readonly SimEvent[]): void => {
    for (const event of events) {
      this.#queue.push({ ...event, timeUs: this.#timeUs, tie: this.#ties.next(), sequence: this.#sequence++ })
    }
  }

  get hash(): string {
    return this.#audit.hash()
  }

  get events(): number {
    return this.#events
  }

  recent(): string[] {
    return this.#audit.recent()
  }

  /**
   * Lets events happen for as long as somebody outside the simulation (a contract suite) uses its ports. Time goes on to at most
   * `aheadMs` after the last call from outside, or as far as `pass` asks: what waits for the outside must not time out meanwhile.
   * `stop` ends it and rejects with whatever went wrong.
   */
  live({ aheadMs = Number.POSITIVE_INFINITY }: { readonly aheadMs?: number } = {}): {
    readonly pass: (ms: number) => Promise<void>
    readonly stop: () => Promise<void>
  } {
    let finish = () => {}
    const run = this.run(
      () =>
        new Promise<void>((resolve) => {
          finish = resolve
        }),
      { aheadUs: aheadMs * 1_000 },
    )
    const ended = run.then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    return {
      pass: (ms) => {
        // The grid may put the end a little later than asked for.
        this.#touch(ms * 1_000 + this.#grainUs)
        return this.clock.sleep(ms)
      },
      stop: async () => {
        finish()
        this.#wake()
        const failed = await ended
        if (failed) throw failed.error
      },
    }
  }

  /** Somebody outside did something: events up to `aheadUs` from now may happen. */
  #touch(aheadUs: number): void {
    this.#horizonUs = Math.max(this.#horizonUs, this.#timeUs + aheadUs)
    this.#wake()
  }

  /** Runs `body` to its end. Rejects with whatever broke first: the body, a checker, a node, an escape, or no progress. */
  async run(body: (sim: Sim) => Promise<void>, live?: { readonly aheadUs: number }): Promise<void> {
    const guard = openGuard({
      report: this.fail,
      allowed: this.#options.allowedGlobals ?? [],
      nowMs: this.clock.monotonicMs,
      yield: (task, owner) => this.schedule({ delayUs: 0, kind: 'yield', run: task, ...(owner && { owner }) }),
    })
    if (live) {
      this.#horizonUs = live.aheadUs
      this.#onSchedule = () => guard.isInside() || this.#touch(live.aheadUs)
    }
    let done = false
    try {
      guard.enter(() => {
        body(this).then(
          () => {
            done = true
          },
          (error) => this.fail(error),
        )
      })
      for (;;) {
        await new Promise<void>((resolve) => setImmediate(resolve))
        if (this.#failure) throw this.#failure.error
        this.#runCheckers()
        if (done) return
        const event = this.#peek()
        if (event && event.timeUs <= this.#horizonUs) this.#step(event, guard.enter)
        else if (live) await this.#woken()
        else throw new SimStalled('the scenario still waits, but nothing is left that could happen')
      }
    } finally {
      guard.close()
      for (const node of this.#nodes.values()) node.abandon()
    }
  }

  #step(event: SimEvent, enter: (work: () => void, owner?: Owner) => void): void {
    this.#queue.pop()
    this.#events++
    this.#timeUs = event.timeUs
    if (this.#events > (this.#options.eventsMax ?? LIMITS.eventsMax))
      throw new SimStalled(`no end after ${this.#events - 1} events`)
    if (this.nowMs > (this.#options.timeMaxMs ?? LIMITS.timeMaxMs)) throw new SimStalled(`no end after ${this.nowMs} virtual ms`)
    this.record(event.owner?.name ?? '-', event.kind, event.detail)
    try {
      enter(event.run, event.owner)
    } catch (error) {
      this.fail(error)
    }
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  /** The next event that counts: those of the dead are dropped, those of the paused put aside. */
  #peek(): SimEvent | undefined {
    for (let event = this.#queue.peek(); event !== undefined; event = this.#queue.peek()) {
      const isVoid = event.cancelled || event.owner?.alive === false
      if (!isVoid && event.owner?.parked === undefined) return event
      this.#queue.pop()
      if (!isVoid) event.owner?.parked?.push(event)
    }
    return undefined
  }

  #runCheckers(): void {
    for (const { name, check } of this.#checkers) {
      try {
        check()
      } catch (cause) {
        throw new CheckFailed(name, cause)
      }
    }
  }
}

/** What must always be true was not. */
export class CheckFailed extends AssertionError {
  override name = 'CheckFailed'
  readonly check: string

  constructor(check: string, cause: unknown) {
    super(`${check}: ${cause instanceof Error ? cause.message : String(cause)}`)
    this.check = check
    this.cause = cause
  }
}

/** The system stopped making progress, or never stopped at all. */
export class SimStalled extends AssertionError {
  override name = 'SimStalled'
}
