import type {
  Block,
  Certificate,
  Committee,
  Effect,
  Event,
  Finalized,
  LogRecord,
  Message,
  VoterConfig,
  VoterState,
} from '@zerog/consensus'
import { simulatedKey, simulatedSign } from '@zerog/consensus/testing'
import type { Hex } from '@zerog/primitives'

/** The voter under test; a mutant has the same shape. */
export type Consensus = typeof import('@zerog/consensus')

/** Who votes in an epoch. Nodes that do not are its observers: their indices follow those of the validators. */
export type EpochPlan = {
  readonly committee: Committee
  readonly leader: (view: number) => number
  /** The node behind each index, validators first. */
  readonly nodes: readonly number[]
  /** The index of each node. */
  readonly indices: readonly number[]
}

type Write =
  | { readonly type: 'record'; readonly epoch: number; readonly record: LogRecord }
  | { readonly type: 'block'; readonly block: Block }
  | {
      readonly type: 'finalized'
      readonly epoch: number
      readonly view: number
      readonly blocks: readonly Block[]
      readonly certificate: Certificate
    }
  | { readonly type: 'truncate'; readonly epoch: number; readonly view: number }

/** Survives crashes. */
class Disk {
  readonly logs = new Map<number, LogRecord[]>()
  readonly blocks = new Map<Hex, Block>()
  readonly finalized = new Map<number, Finalized>()
  /** The anchor of each epoch that was begun. */
  readonly anchors: Block[] = []

  apply(write: Write): void {
    if (write.type === 'block') this.blocks.set(write.block.hash, write.block)
    if (write.type === 'record') this.logs.set(write.epoch, [...(this.logs.get(write.epoch) ?? []), write.record])
    if (write.type === 'finalized') {
      const block = write.blocks.at(-1) ?? this.finalized.get(write.epoch)?.block ?? (this.anchors[write.epoch] as Block)
      // What was synchronized meanwhile may be newer.
      if (write.view > (this.finalized.get(write.epoch)?.view ?? 0))
        this.finalized.set(write.epoch, { view: write.view, block, certificate: write.certificate })
      for (const each of write.blocks) this.blocks.set(each.hash, each)
    }
    if (write.type === 'truncate') {
      const kept = (this.logs.get(write.epoch) ?? []).filter((record) => viewOf(record) > write.view)
      this.logs.set(write.epoch, kept)
    }
  }
}

const viewOf = (record: LogRecord) => (record.type === 'vote' ? record.ballot.view : record.certificate.ballot.view)

export type NodeWorld = {
  readonly consensus: Consensus
  readonly epoch: (epoch: number) => EpochPlan
  readonly epochLength: number
  readonly timeouts: VoterConfig['timeouts']
  readonly silentViewsMax: number
  readonly nowMs: () => number
  /** How long a sync takes this time; runs `then` when it is done unless the node died. */
  readonly sync: (node: SimulatedNode, then: () => void) => void
  readonly wake: (node: SimulatedNode, epoch: number, atMs: number) => void
  readonly perform: (node: SimulatedNode, epoch: number, effect: Effect) => void
  readonly afterStep: (node: SimulatedNode, epoch: number, event: Event, effects: readonly Effect[]) => void
}

/** One validator: voters of its epochs, and the order of effects that the voter relies on. */
export class SimulatedNode {
  readonly index: number
  readonly disk = new Disk()
  readonly voters = new Map<number, VoterState>()
  /** Changes with each life, so that what a dead one had started is forgotten. */
  life = 0
  up = false
  skewMs = 0
  readonly #world: NodeWorld
  #queue: { readonly epoch: number; readonly effect: Effect }[] = []
  #unsynced: Write[] = []
  #syncing = false

  constructor(index: number, anchor: Block, world: NodeWorld) {
    this.index = index
    this.#world = world
    this.disk.anchors.push(anchor)
  }

  get epoch(): number {
    return this.disk.anchors.length - 1
  }

  get heightFinalized(): number {
    const last = this.disk.finalized.get(this.epoch)?.block ?? (this.disk.anchors.at(-1) as Block)
    return last.height
  }

  start(): void {
    this.up = true
    // The epoch may have ended just before the crash: its last block is on the disk, the next epoch was not begun.
    const last = this.disk.finalized.get(this.epoch)?.block
    if (last && last.height >= (this.epoch + 1) * this.#world.epochLength) this.disk.anchors.push(last)
    for (let epoch = 0; epoch <= this.epoch; epoch++) this.#open(epoch)
    this.step(this.epoch, { type: 'started' })
  }

  /** Power cut: a prefix of the unsynced writes has reached the disk. */
  crash(keep: number): void {
    for (const write of this.#unsynced.slice(0, keep)) this.disk.apply(write)
    this.life++
    this.up = false
    this.#queue = []
    this.#unsynced = []
    this.#syncing = false
    this.voters.clear()
  }

  /** Takes over what another node holds as final, as a stream of finalized blocks would bring it. */
  synchronize(epoch: number, source: SimulatedNode): readonly Block[] {
    const finalized = source.disk.finalized.get(epoch)
    const own = this.disk.finalized.get(epoch)
    if (finalized === undefined || finalized.view <= (own?.view ?? 0)) return []
    const floor = own?.block ?? (this.disk.anchors[epoch] as Block)
    const blocks: Block[] = []
    let block: Block | undefined = finalized.block
    for (; block && block.height > floor.height; block = source.disk.blocks.get(block.parentHash)) blocks.unshift(block)
    const { view, certificate } = finalized
    this.disk.apply({ type: 'finalized', epoch, view, blocks, certificate })
    this.step(epoch, { type: 'synchronized', finalized })
    return blocks
  }

  get unsynced(): number {
    return this.#unsynced.length
  }

  step(epoch: number, event: Event): void {
    const state = this.voters.get(epoch)
    if (!this.up || state === undefined) return
    const effects = this.#world.consensus.step(state, event, { nowMs: this.#world.nowMs() + this.skewMs })
    this.#world.afterStep(this, epoch, event, effects)
    for (const effect of effects) this.#queue.push({ epoch, effect })
    this.#drain()
  }

  receive(epoch: number, from: number, message: Message): void {
    this.step(epoch, { type: 'message_received', from, message })
  }

  #open(epoch: number): void {
    const { consensus, epochLength, timeouts, silentViewsMax } = this.#world
    const { committee, leader, nodes, indices } = this.#world.epoch(epoch)
    const index = indices[this.index] as number
    const seats = committee.validators.length
    const anchor = this.disk.anchors[epoch] as Block
    const finalized = this.disk.finalized.get(epoch)
    const config: VoterConfig = {
      committee,
      self: index < seats ? index : undefined,
      observerCount: nodes.length - seats,
      sign: (message) => simulatedSign(simulatedKey(epoch, this.index), message),
      leader,
      anchor,
      heightLast: (epoch + 1) * epochLength,
      timeouts,
      silentViewsMax,
    }
    const blocks = [...this.disk.blocks.values()]
    this.voters.set(
      epoch,
      consensus.restore(config, { blocks, log: this.disk.logs.get(epoch) ?? [], ...(finalized ? { finalized } : {}) }),
    )
  }

  /** Effects in order; anything that leaves the node waits until the writes before it are durable. */
  #drain(): void {
    while (this.up && !this.#syncing) {
      const next = this.#queue[0]
      if (next === undefined) return
      const write = asWrite(next.epoch, next.effect)
      if (write) this.#unsynced.push(write)
      else if (this.#unsynced.length > 0) return this.#sync()
      this.#queue.shift()
      if (!write) this.#perform(next.epoch, next.effect)
      if (next.effect.type === 'finalized') this.#world.perform(this, next.epoch, next.effect)
    }
  }

  #sync(): void {
    this.#syncing = true
    const count = this.#unsynced.length
    this.#world.sync(this, () => {
      for (const write of this.#unsynced.splice(0, count)) this.disk.apply(write)
      this.#syncing = false
      this.#drain()
    })
  }

  #perform(epoch: number, effect: Effect): void {
    if (effect.type === 'set_timer') return this.#world.wake(this, epoch, effect.atMs - this.skewMs)
    if (effect.type !== 'epoch_finished') return this.#world.perform(this, epoch, effect)
    if (epoch !== this.epoch) return
    this.disk.anchors.push(effect.block)
    this.#open(this.epoch)
    this.step(this.epoch, { type: 'started' })
  }
}

function asWrite(epoch: number, effect: Effect): Write | undefined {
  if (effect.type === 'store') return { type: 'block', block: effect.block }
  if (effect.type === 'persist') return { type: 'record', epoch, record: effect.record }
  if (effect.type === 'truncate_log') return { type: 'truncate', epoch, view: effect.view }
  if (effect.type !== 'finalized') return undefined
  const { blocks, certificate } = effect
  return { type: 'finalized', epoch, blocks, view: certificate.ballot.view, certificate }
}
