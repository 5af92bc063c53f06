import type { BlobStore, Bus, Cache, ChainClient, Clock, Kv, Leases, Logger, Random, Rpc } from '@zerog/ports'
import { assert, ZerogError } from '@zerog/primitives'
import { type Skew, simClock } from './clock.ts'
import { Disk, type DiskOptions } from './disk.ts'
import { Incarnation } from './incarnation.ts'
import type { Endpoint } from './network.ts'
import { type Prng, simRandom } from './prng.ts'
import { remoteObject } from './remote.ts'
import { SimRpc } from './rpc.ts'
import type { Sim } from './sim.ts'
import { type SimMeter, simLogger, simMeter } from './telemetry.ts'

/** What one life of a node may touch. The port names are those of the runtime's `ModuleContext`. */
export type NodeEnv = {
  readonly name: string
  readonly target: string
  readonly instance: number
  /** 1 for the first life. */
  readonly life: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly meter: SimMeter
  readonly rpc: Rpc
  readonly bus: Bus
  readonly cache: Cache
  readonly leases: Leases
  readonly chain: ChainClient
  /** Raw messages to other nodes by name. */
  readonly network: Endpoint
  /** Opened on the node's own disk, which outlives its lives. */
  readonly kv: (name: string) => Promise<Kv>
  readonly blobs: (name: string) => Promise<BlobStore>
  /** Puts an object of asynchronous methods (a repository in memory) behind a network with faults. */
  readonly remote: <T extends object>(name: string, target: T) => T
  /** Aborts when the node is stopped gracefully; a crash tells nobody. */
  readonly signal: AbortSignal
  /** The node cannot survive this: it dies here and now and does not come back by itself. */
  readonly fatal: (error: unknown) => void
}

export type NodeOptions<App> = {
  /** Its name in certificates and for `rpc.client`. Default: the node's name without a trailing `-<number>`. */
  readonly target?: string
  readonly instance?: number
  readonly disk?: DiskOptions
  /** Ends an app gracefully. */
  readonly stop?: (app: App) => Promise<void>
  /** Failures to start and `fatal` calls that the scenario expects; the node stays down. Any other one fails the run. */
  readonly tolerate?: (error: unknown) => boolean
}

export type CrashOptions = {
  /** Unsynced writes are lost too. Default: by chance. */
  readonly power?: boolean
  /** Until it starts again; null: not by itself. Default: 300 ms in the mean. */
  readonly downMs?: number | null
}

type State = 'down' | 'starting' | 'up' | 'failed'
type Waiter<App> = { readonly resolve: (app: App) => void; readonly reject: (error: unknown) => void }

/** A machine with one process on it: the disk stays, processes come and go. */
export class SimNode<App> {
  readonly name: string
  readonly target: string
  readonly instance: number
  readonly skew: Skew
  readonly disk: Disk
  readonly #sim: Sim
  readonly #prng: Prng
  readonly #factory: (env: NodeEnv) => App | Promise<App>
  readonly #options: NodeOptions<App>
  #waiters: Waiter<App>[] = []
  #app: App | undefined
  #life: Incarnation | undefined
  #lives = 0
  #state: State = 'down'
  #error: unknown

  constructor(sim: Sim, name: string, factory: (env: NodeEnv) => App | Promise<App>, options: NodeOptions<App>) {
    const [, target, number] = /^(.*?)(?:-(\d+))?$/.exec(name) ?? []
    this.#sim = sim
    this.#prng = sim.prng.fork(`node/${name}`)
    this.#factory = factory
    this.#options = options
    this.name = name
    this.target = options.target ?? target ?? name
    this.instance = options.instance ?? Number(number ?? 0)
    this.skew = chooseSkew(sim)
    this.disk = new Disk({
      world: sim,
      prng: this.#prng.fork('disk'),
      disk: options.disk ?? {},
      crashesHere: (life) => this.#crashesHere(life),
    })
  }

  /** The running app, for checkers and never for calls: undefined while the node is not up. */
  get app(): App | undefined {
    return this.#state === 'up' ? this.#app : undefined
  }

  get state(): State {
    return this.#state
  }

  get life(): Incarnation | undefined {
    return this.#life
  }

  /** Why the node is `failed`. */
  get error(): unknown {
    return this.#error
  }

  get wasStarted(): boolean {
    return this.#lives > 0
  }

  /** Brings the node to life unless it lives. `ready` tells when it is up. */
  start(): void {
    if (this.#life?.alive) return
    const life = new Incarnation(this.#sim, this.name, ++this.#lives)
    this.#life = life
    this.#state = 'starting'
    this.#error = undefined
    const run = () => {
      started(this.#factory, this.#env(life)).then(
        (app) => this.#up(life, app),
        (error) => this.#failed(life, error),
      )
    }
    this.#sim.schedule({
      delayUs: this.#prng.between(100, 5_000),
      owner: life,
      kind: 'node.start',
      detail: `life ${life.number}`,
      run,
    })
  }

  /** The app once the node is up, over crashes and restarts; starts it if it is down. Rejects if it cannot start. */
  ready(): Promise<App> {
    if (this.#state === 'down') this.start()
    if (this.#state === 'up') return Promise.resolve(this.#app as App)
    if (this.#state === 'failed') return Promise.reject(this.#error)
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  crash(options: CrashOptions = {}): void {
    const life = this.#life
    // A machine whose process is down can still lose what the page cache held.
    if (!life?.alive) return options.power ? this.disk.powerCut() : undefined
    const power = options.power ?? this.#prng.chance(0.5)
    this.#sim.record(this.name, power ? 'node.power_cut' : 'node.kill', `life ${life.number}`)
    this.#end('down')
    if (power) this.disk.powerCut()
    const downMs = options.downMs === undefined ? this.#prng.exponential(300) : options.downMs
    if (downMs === null) return
    this.#sim.schedule({ delayUs: Math.ceil(downMs * 1_000), kind: 'node.restart', detail: this.name, run: () => this.start() })
  }

  /** Nothing of it runs for so long; what arrives waits, timers are late, its clock goes on. */
  pause(durationMs: number): void {
    const life = this.#life
    if (!life?.alive || life.parked) return
    life.parked = []
    this.#sim.record(this.name, 'node.pause', `${durationMs}ms`)
    const run = () => {
      const parked = life.parked ?? []
      life.parked = undefined
      if (life.alive) this.#sim.unpark(parked)
    }
    this.#sim.schedule({ delayUs: Math.ceil(durationMs * 1_000), kind: 'node.resume', detail: this.name, run })
  }

  /** A graceful end: signal, `stop` of the app, then nothing runs any more. */
  async stop(): Promise<void> {
    const life = this.#life
    const app = this.app
    if (!life?.alive) return
    life.stopping.abort(new ZerogError('SHUTTING_DOWN', { message: `${this.name} is stopping` }))
    if (app !== undefined) await this.#options.stop?.(app)
    if (life.alive) this.#end('down')
  }

  /**
   * What a client outside the simulated network does: the call reaches the app and the answer comes back, each after a while.
   * Rejects with DEPENDENCY_UNAVAILABLE when the node is not up (`outcome: not_started`) or dies meanwhile (`unknown`).
   */
  call<T>(fn: (app: App) => T | Promise<T>, what = 'call'): Promise<T> {
    const sim = this.#sim
    return new Promise<T>((resolve, reject) => {
      const later = (kind: string, run: () => void) =>
        sim.schedule({ delayUs: this.#legUs(), kind, detail: `${this.name} ${what}`, run })
      later('node.call', () => {
        const life = this.#life
        if (this.#state !== 'up' || !life) return reject(gone(this.name, 'not_started'))
        const forget = life.atDeath(() => later('node.lost', () => reject(gone(this.name, 'unknown'))))
        const reply = (settle: () => void) => {
          if (!life.alive) return
          forget()
          later('node.reply', settle)
        }
        const run = () => {
          started(fn, this.#app as App).then(
            (value) => reply(() => resolve(value)),
            (error) => reply(() => reject(error)),
          )
        }
        sim.schedule({ delayUs: 0, owner: life, kind: 'node.handle', detail: what, run })
      })
    })
  }

  /** Resolves when this life is up; calls to a starting node wait for it. */
  whenUp(life: Incarnation): Promise<void> {
    assert(life === this.#life, 'only the present life can come up')
    if (this.#state === 'up') return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push({ resolve: () => life.alive && resolve(), reject: () => {} }))
  }

  /** The run is over: whatever the node still waits for never comes. */
  abandon(): void {
    if (this.#life?.alive) this.#end('down')
  }

  #env(life: Incarnation): NodeEnv {
    const sim = this.#sim
    const clock = simClock(sim, { owner: life, skew: this.skew })
    const prng = this.#prng.fork(`life/${life.number}`)
    return {
      name: this.name,
      target: this.target,
      instance: this.instance,
      life: life.number,
      clock,
      random: simRandom(prng.fork('random')),
      logger: simLogger(sim, life),
      meter: simMeter(),
      rpc: new SimRpc({ sim, life, node: this, clock, prng: prng.fork('rpc') }),
      bus: sim.bus.port(life),
      cache: sim.cache.port(life),
      leases: sim.leases.port(life, clock),
      chain: sim.chain.port(life),
      network: sim.network.endpoint(life),
      kv: (name) => this.disk.openKv(name, life),
      blobs: (name) => this.disk.openBlobs(name, life),
      remote: (name, target) => remoteObject({ world: sim, prng: prng.fork(`remote/${name}`), life }, name, target),
      signal: life.stopping.signal,
      fatal: (error) => this.#failed(life, error),
    }
  }

  #up(life: Incarnation, app: App): void {
    if (!life.alive) return
    this.#app = app
    this.#state = 'up'
    this.#sim.record(this.name, 'node.up', `life ${life.number}`)
    for (const { resolve } of this.#waiters.splice(0)) resolve(app)
  }

  #failed(life: Incarnation, error: unknown): void {
    if (!life.alive) return
    this.#sim.record(this.name, 'node.failed', error instanceof Error ? error.message : String(error))
    this.#error = error
    this.#end('failed')
    if (this.#options.tolerate?.(error)) for (const { reject } of this.#waiters.splice(0)) reject(error)
    else this.#sim.fail(error)
  }

  #end(state: State): void {
    this.#life?.end()
    this.#app = undefined
    this.#state = state
  }

  #crashesHere(life: Incarnation): boolean {
    if (!life.alive) return true
    if (!this.#sim.faults.roll('node.crash_point')) return false
    this.crash()
    return true
  }

  #legUs(): number {
    return 50 + Math.ceil(this.#prng.exponential(500))
  }
}

/** Clocks of a cluster differ by seconds in date and by a few hundred parts per million in speed. */
function chooseSkew(sim: Sim): Skew {
  if (!sim.faults.roll('clock.skew')) return { offsetMs: 0, driftPpm: 0 }
  const stream = sim.faults.stream('clock.skew')
  return { offsetMs: stream.between(-5_000, 5_000), driftPpm: stream.between(-500, 500) }
}

/** A synchronous throw becomes a rejection. */
async function started<A, T>(fn: (argument: A) => T | Promise<T>, argument: A): Promise<T> {
  return fn(argument)
}

function gone(node: string, outcome: 'unknown' | 'not_started'): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', { message: `${node} went away (${outcome})`, metadata: { node, outcome } })
}
