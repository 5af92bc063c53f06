import type { FaultKind } from './faults.ts'
import { SERVICES } from './network.ts'
import type { Prng } from './prng.ts'
import type { Sim } from './sim.ts'

type Timed = Extract<
  FaultKind,
  'node.power_cut' | 'node.kill' | 'node.pause' | 'clock.jump' | 'network.partition' | 'disk.bit_flip'
>

/** Mean virtual time between two faults of a kind, in milliseconds. */
export type NemesisPlan = Partial<Record<Timed, number>> & {
  /** Nodes that it may touch. Default: all. */
  readonly victims?: readonly string[]
  /** How many of them may be down at once. Default: all. */
  readonly downMax?: number
}

/** Makes the faults that need a moment of their own. What it does is decided by `Faults`, so swarm and shrinking apply to it. */
export class Nemesis {
  readonly #sim: Sim
  readonly #prng: Prng
  #plan: NemesisPlan = {}
  #isLoose = false

  constructor(sim: Sim) {
    this.#sim = sim
    this.#prng = sim.prng.fork('nemesis')
  }

  start(plan: NemesisPlan): void {
    this.#plan = plan
    this.#isLoose = true
    for (const [kind, everyMs] of Object.entries(plan)) {
      if (kind !== 'victims' && kind !== 'downMax') this.#arm(kind as Timed, everyMs as number)
    }
  }

  /** Starts nothing more; what is down comes back by itself, what is cut stays cut until `heal`. */
  stop(): void {
    this.#isLoose = false
  }

  #arm(kind: Timed, everyMs: number): void {
    const delayUs = Math.ceil(this.#prng.exponential(everyMs) * 1_000)
    const run = () => {
      if (!this.#isLoose) return
      if (this.#canAct(kind) && this.#sim.faults.roll(kind, 1)) this.#act(kind)
      this.#arm(kind, everyMs)
    }
    this.#sim.schedule({ delayUs, kind: 'nemesis', detail: kind, run })
  }

  #victims() {
    const { victims } = this.#plan
    return this.#sim.nodes.filter((node) => victims?.includes(node.name) ?? true)
  }

  /** A fault is counted only when it can have an effect. */
  #canAct(kind: Timed): boolean {
    const nodes = this.#victims()
    const alive = nodes.filter(({ life }) => life?.alive)
    if (kind === 'network.partition') return this.#sim.network.isWhole && nodes.length > 1
    if (kind === 'node.power_cut' || kind === 'node.kill') {
      return alive.length > 0 && nodes.length - alive.length < (this.#plan.downMax ?? nodes.length)
    }
    return alive.length > 0
  }

  #act(kind: Timed): void {
    const stream = this.#sim.faults.stream(kind)
    const alive = this.#victims().filter(({ life }) => life?.alive)
    if (kind === 'network.partition') return this.#partition(stream)
    const victim = stream.pick(alive)
    if (kind === 'node.power_cut') victim.crash({ power: true })
    else if (kind === 'node.kill') victim.crash({ power: false })
    else if (kind === 'node.pause') victim.pause(stream.between(10, 5_000))
    else if (kind === 'clock.jump') victim.skew.offsetMs += stream.between(-60_000, 60_000)
    else victim.disk.flipBit()
  }

  /** Two halves, or single directed links: the way there may work while the way back does not. */
  #partition(stream: Prng): void {
    const { network } = this.#sim
    const names = stream.shuffle(this.#sim.nodes.map(({ name }) => name))
    if (stream.chance(0.5)) {
      const split = stream.between(1, names.length - 1)
      network.partition([names.slice(0, split), names.slice(split)])
    } else {
      const ends = [...names, SERVICES]
      for (const from of names) for (const to of ends) if (from !== to && stream.chance(0.3)) network.cut(from, to)
    }
    const delayUs = stream.between(50_000, 5_000_000)
    this.#sim.schedule({ delayUs, kind: 'nemesis.heal', run: () => network.heal() })
  }
}
