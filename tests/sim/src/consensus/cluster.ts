import { hash } from 'node:crypto'
import {
  type Block,
  createCommittee,
  type Effect,
  type Event,
  type Evidence,
  leaderSchedule,
  type Message,
  type Timeouts,
  type Validator,
  VIEWS_AHEAD_MAX,
  VIEWS_BEHIND_MAX,
  type VoterState,
  verifyCertificate,
  verifyVote,
} from '@zerog/consensus'
import { simulatedKey, simulatedMultisignature } from '@zerog/consensus/testing'
import { Audit, EventQueue, Prng } from '@zerog/sim'
import { Byzantine, MISDEEDS, type Misdeed } from './byzantine.ts'
import { checkJustified } from './justified.ts'
import { Ledger } from './ledger.ts'
import { type Consensus, type EpochPlan, type NodeWorld, SimulatedNode } from './node.ts'

export type ClusterOptions = {
  readonly consensus: Consensus
  readonly seed: bigint
  readonly count: number
  /** Of these nodes, how many are Byzantine; in every epoch their stake is less than a third. */
  readonly byzantine: number
  /** Validators join, leave and change their stake from epoch to epoch; else all nodes validate with equal stakes. */
  readonly churn?: boolean
  readonly epochLength: number
  /** One-way delay of a link, milliseconds. */
  readonly delayMs: { readonly min: number; readonly max: number }
  readonly loss: number
  readonly duplication: number
  readonly crashes: boolean
  readonly partitions: boolean
  /** So many honest validators die at this time and never come back. */
  readonly deaths?: { readonly count: number; readonly atMs: number }
  readonly skewMsMax: number
  readonly syncMsMax: number
  readonly executionMsMax: number
  readonly misdeeds?: readonly Misdeed[]
  readonly timeouts: Timeouts
  readonly trace?: (line: string) => void
  readonly onStep?: (node: SimulatedNode, epoch: number, event: Event, effects: readonly Effect[]) => void
}

export type ClusterReport = {
  readonly bytes: number
  readonly hash: string
  readonly events: number
  readonly height: number
  readonly messages: number
  readonly faults: Readonly<Record<string, number>>
}

/**
 * Validators on virtual time, synchronously: the voter is pure, so a run of a thousand messages takes milliseconds. Every guarantee is
 * checked after every step.
 */
export class Cluster {
  readonly nodes: SimulatedNode[]
  readonly ledger = new Ledger()
  readonly faults: Record<string, number> = {}
  /** From a block's proposal to its first finalization, milliseconds. */
  readonly finalityMs: number[] = []
  /** The first finalization of each height. */
  readonly finalizations: { readonly epoch: number; readonly view: number; readonly atMs: number }[] = []
  readonly dead = new Set<number>()
  messages = 0
  bytes = 0
  readonly #options: ClusterOptions
  readonly #prng: Prng
  readonly #byzantine: (Byzantine | undefined)[]
  readonly #epochs = new Map<number, EpochPlan>()
  readonly messagesByType: Record<string, { count: number; bytes: number }> = {}
  readonly #queue = new EventQueue()
  readonly #audit: Audit
  readonly #blocked = new Set<string>()
  readonly #timers = new Map<string, { cancelled: boolean }>()
  readonly #proposedMs = new Map<string, number>()
  #timeUs = 0
  #sequence = 0
  #events = 0
  #healed = false

  constructor(options: ClusterOptions) {
    this.#options = options
    this.#prng = Prng.fromSeed(options.seed)
    this.#audit = new Audit(options.trace)
    const anchor = { hash: `0x${'11'.repeat(32)}` as const, parentHash: `0x${'00'.repeat(32)}` as const, height: 0 }
    const world = this.#world()
    this.nodes = Array.from({ length: options.count }, (_, index) => new SimulatedNode(index, anchor, world))
    const liars = new Set(this.#prng.shuffle(this.nodes.map((node) => node.index)).slice(0, options.byzantine))
    this.#byzantine = this.nodes.map((node) => (liars.has(node.index) ? this.#corrupt(node.index) : undefined))
    for (const node of this.nodes) node.skewMs = this.#prng.below(options.skewMsMax + 1)
  }

  isHonest(node: SimulatedNode): boolean {
    return this.#byzantine[node.index] === undefined
  }

  /** Faults until `faultyMs`, then none: from there every honest node must finalize `blocks` more in time. */
  run({ faultyMs, blocks }: { readonly faultyMs: number; readonly blocks: number }): ClusterReport {
    for (const node of this.nodes) this.#after(this.#prng.below(50), 'start', () => node.start())
    if (this.#options.crashes) for (const node of this.nodes) this.#planCrash(node)
    if (this.#options.partitions) this.#planPartition()
    const { deaths } = this.#options
    if (deaths) this.#after(deaths.atMs, 'deaths', () => this.#kill(deaths.count))
    this.#runUntil('the end of the faults', faultyMs, () => this.#nowMs() >= faultyMs)
    this.#heal()
    const goal = this.ledger.heightFinalized + blocks
    const deadlineMs = this.#nowMs() + LIVENESS_MS
    this.#runUntil(`height ${goal}`, deadlineMs, () => this.#honest().every((node) => node.heightFinalized >= goal))
    return {
      hash: this.#audit.hash(),
      events: this.#events,
      height: this.ledger.heightFinalized,
      messages: this.messages,
      bytes: this.bytes,
      faults: this.faults,
    }
  }

  #runUntil(goal: string, deadlineMs: number, reached: () => boolean): void {
    while (!reached()) {
      const event = this.#queue.pop()
      if (event === undefined || (event.timeUs / 1_000 > deadlineMs && goal.startsWith('height'))) {
        const heights = this.#honest().map((node) => `${node.index}:${node.heightFinalized}`)
        throw new Error(`liveness broken: ${goal} was not reached by ${Math.round(deadlineMs)} ms; heights ${heights.join(' ')}`)
      }
      if (event.cancelled) continue
      this.#timeUs = event.timeUs
      this.#events++
      this.#audit.record(event.timeUs, '-', event.kind, event.detail)
      event.run()
    }
  }

  #heal(): void {
    this.#healed = true
    this.#blocked.clear()
    for (const node of this.nodes) if (!node.up && !this.dead.has(node.index)) node.start()
  }

  #honest(): SimulatedNode[] {
    return this.nodes.filter((node) => this.isHonest(node) && !this.dead.has(node.index))
  }

  #kill(count: number): void {
    for (const node of this.#honest().slice(0, count)) {
      this.dead.add(node.index)
      node.crash(node.unsynced)
    }
  }

  /** Who leads a view; a node. */
  leaderOf(epoch: number, view: number): number {
    const { leader, nodes } = this.#epoch(epoch)
    return nodes[leader(view)] as number
  }

  #nowMs = () => this.#timeUs / 1_000

  #after(delayMs: number, kind: string, run: () => void, detail = ''): { cancelled: boolean } {
    const timeUs = this.#timeUs + Math.max(0, Math.round(delayMs * 1_000))
    const event = {
      timeUs,
      tie: this.#prng.next(),
      sequence: this.#sequence++,
      owner: undefined,
      kind,
      detail,
      run,
      cancelled: false,
    }
    this.#queue.push(event)
    return event
  }

  #count(fault: string): void {
    this.faults[fault] = (this.faults[fault] ?? 0) + 1
  }

  #corrupt(index: number): Byzantine {
    const chosen = this.#options.misdeeds ?? MISDEEDS.filter(() => this.#prng.chance(0.4))
    const prng = this.#prng.fork(`byzantine-${index}`)
    return new Byzantine({ index, count: this.#options.count, prng, ledger: this.ledger, misdeeds: new Set(chosen) })
  }

  #world(): NodeWorld {
    return {
      consensus: this.#options.consensus,
      epoch: (epoch) => this.#epoch(epoch),
      epochLength: this.#options.epochLength,
      timeouts: this.#options.timeouts,
      silentViewsMax: 8,
      nowMs: this.#nowMs,
      sync: (node, then) => this.#ifAlive(node, this.#prng.below(this.#options.syncMsMax + 1), 'sync', then),
      wake: (node, epoch, atMs) => this.#wake(node, epoch, atMs),
      perform: (node, epoch, effect) => this.#perform(node, epoch, effect),
      afterStep: (node, epoch, event, effects) => {
        const state = node.voters.get(epoch) as VoterState
        this.#checkBounds(node, state)
        this.#options.onStep?.(node, epoch, event, effects)
        if (!this.isHonest(node)) return
        checkJustified(node.index, state, effects)
        for (const ignored of state.ignored) this.#checkIgnored(node, this.#epoch(epoch).nodes[ignored] as number)
      },
    }
  }

  #epoch(epoch: number): EpochPlan {
    let plan = this.#epochs.get(epoch)
    if (plan === undefined) {
      const { seats, observers } = this.#seats(epoch)
      const committee = createCommittee({
        context: { chainId: 31_337n, epoch: BigInt(epoch) },
        validators: seats.map(({ publicKey, stake }) => ({ publicKey, stake })),
        multisignature: simulatedMultisignature,
      })
      const nodes = [...seats.map(({ node }) => node), ...observers]
      const indices = this.nodes.map(({ index }) => nodes.indexOf(index))
      plan = { committee, leader: this.#leader(epoch, committee.validators), nodes, indices }
      this.#epochs.set(epoch, plan)
    }
    return plan
  }

  /** Validators of an epoch in any order, and who only follows. Depends on nothing but seed and epoch. */
  #seats(epoch: number): { seats: (Validator & { node: number })[]; observers: number[] } {
    const prng = Prng.fromSeed(this.#options.seed).fork(`epoch-${epoch}`)
    const seats = this.nodes.map(({ index }) => ({ node: index, publicKey: simulatedKey(epoch, index), stake: 1n }))
    if (!this.#options.churn) return { seats, observers: [] }
    for (const seat of seats) seat.stake = BigInt(prng.pick([1, 1, 2, 3, 5, 20]))
    const honest = prng.shuffle(seats.filter(({ node }) => this.#byzantine[node] === undefined))
    const chosen = honest.slice(0, prng.between(Math.ceil(honest.length / 2), honest.length))
    // Liars join while all of them stay below a third: as near to it as the stakes allow.
    for (const liar of seats.filter(({ node }) => this.#byzantine[node] !== undefined)) {
      const stakeOf = (of: typeof seats) => of.reduce((sum, { stake }) => sum + stake, 0n)
      const lying = chosen.filter(({ node }) => this.#byzantine[node] !== undefined)
      if (3n * (stakeOf(lying) + liar.stake) < stakeOf(chosen) + liar.stake) chosen.push(liar)
    }
    const order = prng.shuffle(chosen)
    const observers = this.nodes.map(({ index }) => index).filter((index) => !order.some(({ node }) => node === index))
    if (observers.length > 0) this.#count('left_out')
    return { seats: order, observers }
  }

  #leader(epoch: number, validators: readonly Validator[]): (view: number) => number {
    const seed = Uint8Array.of(Number(this.#options.seed & 0xffn), epoch)
    const sha256 = (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer'))
    const compute = leaderSchedule({ seed, epoch: BigInt(epoch), validators, sha256 })
    const known = new Map<number, number>()
    return (view) => {
      const leader = known.get(view) ?? compute(view)
      if (known.size < 10_000) known.set(view, leader)
      return leader
    }
  }

  #ifAlive(node: SimulatedNode, delayMs: number, kind: string, run: () => void): void {
    const { life } = node
    this.#after(delayMs, kind, () => node.up && node.life === life && run(), String(node.index))
  }

  #wake(node: SimulatedNode, epoch: number, atMs: number): void {
    const key = `${node.index}/${epoch}`
    const before = this.#timers.get(key)
    if (before) before.cancelled = true
    const { life } = node
    const fire = () => node.up && node.life === life && node.step(epoch, { type: 'time_passed' })
    this.#timers.set(key, this.#after(Math.max(1, atMs - this.#nowMs()), 'timer', fire, String(node.index)))
  }

  #perform(node: SimulatedNode, epoch: number, effect: Effect): void {
    const byzantine = this.#byzantine[node.index]
    const answer = (event: Event) =>
      this.#ifAlive(node, this.#prng.below(this.#options.executionMsMax + 1), event.type, () => node.step(epoch, event))
    switch (effect.type) {
      case 'broadcast':
        return this.#broadcast(node, epoch, effect.message)
      case 'send': {
        const plan = this.#epoch(epoch)
        const to = plan.nodes[effect.to] as number
        const { message } = effect
        return this.#sendAll(node, epoch, byzantine?.send({ plan, epoch }, to, message) ?? [{ to, message }])
      }
      case 'serve': {
        const to = this.#epoch(epoch).nodes[effect.to] as number
        let left = effect.countMax
        for (const asked of effect.blocks) {
          const blocks: Block[] = []
          let block = node.disk.blocks.get(asked)
          for (; block && block.height > effect.heightAbove && left > 0; left--, block = node.disk.blocks.get(block.parentHash))
            blocks.push(block)
          if (blocks.length > 0) this.#sendAll(node, epoch, [{ to, message: { type: 'blocks', blocks } }])
        }
        return
      }
      case 'build': {
        const block = this.ledger.mint(effect.parent, byzantine?.flaw() ?? 'none')
        this.#proposedMs.set(block.hash, this.#nowMs())
        return answer({ type: 'block_built', view: effect.view, block })
      }
      case 'check':
        return answer({
          type: 'block_checked',
          view: effect.view,
          hash: effect.block.hash,
          valid: this.ledger.flaw(effect.block.hash) !== 'static',
        })
      case 'certify': {
        const valid = this.ledger.isExecutable(effect.block, epoch * this.#options.epochLength)
        return answer({ type: 'block_certified', view: effect.view, hash: effect.block.hash, valid })
      }
      case 'synchronize':
        return this.#ifAlive(node, 50 + this.#prng.below(200), 'synchronize', () => {
          const source = this.#prng.pick(this.nodes.filter((each) => each !== node))
          const blocks = source.up ? node.synchronize(epoch, source) : []
          if (blocks.length > 0) this.#count('synchronized')
          for (const block of blocks) if (this.isHonest(node)) this.ledger.finalize(node.index, block)
        })
      case 'finalized':
        return this.#finalized(node, epoch, effect)
      case 'report':
        return this.#checkEvidence(epoch, effect.evidence)
    }
  }

  #finalized(node: SimulatedNode, epoch: number, { blocks, certificate }: Extract<Effect, { type: 'finalized' }>): void {
    if (!this.isHonest(node)) return
    if (!verifyCertificate(this.#epoch(epoch).committee, certificate))
      throw new Error(`node ${node.index} finalized with an invalid certificate`)
    for (const block of blocks) {
      if (block.height > this.ledger.heightFinalized) {
        this.finalityMs.push(this.#nowMs() - (this.#proposedMs.get(block.hash) ?? this.#nowMs()))
        this.finalizations.push({ epoch, view: certificate.ballot.view, atMs: this.#nowMs() })
      }
      this.ledger.finalize(node.index, block)
    }
  }

  /** Nobody honest is ever accused, and what is reported verifies. */
  #checkEvidence(epoch: number, evidence: Evidence): void {
    const votes =
      evidence.type === 'invalid_proposal'
        ? [evidence.vote]
        : evidence.type === 'nullify_and_finalize'
          ? [evidence.nullify, evidence.finalize]
          : [evidence.first, evidence.second]
    this.#count(`evidence_${evidence.type}`)
    for (const vote of votes) {
      const { committee, nodes } = this.#epoch(epoch)
      if (!verifyVote(committee, vote)) throw new Error(`${evidence.type} was reported without a valid signature`)
      const signer = nodes[vote.signer] as number
      if (this.#byzantine[signer] === undefined) throw new Error(`honest node ${signer} was accused of ${evidence.type}`)
    }
  }

  #broadcast(node: SimulatedNode, epoch: number, message: Message): void {
    const byzantine = this.#byzantine[node.index]
    if (!byzantine) {
      if (message.type === 'vote' || message.type === 'proposal') this.ledger.say(node.index, epoch, message.vote.ballot)
      for (const peer of this.nodes) if (peer !== node) this.#deliver(node, peer, epoch, message)
      return
    }
    this.#sendAll(node, epoch, byzantine.broadcast({ plan: this.#epoch(epoch), epoch }, message))
  }

  #sendAll(node: SimulatedNode, epoch: number, outgoing: readonly { readonly to: number; readonly message: Message }[]): void {
    for (const { to, message } of outgoing) {
      const peer = this.nodes[to]
      if (peer) this.#deliver(node, peer, epoch, message)
    }
  }

  #deliver(from: SimulatedNode, to: SimulatedNode, epoch: number, message: Message): void {
    this.messages++
    const size = sizeOf(message, this.#epoch(epoch).committee.validators.length)
    this.bytes += size
    const tally = this.messagesByType[message.type] ?? { count: 0, bytes: 0 }
    this.messagesByType[message.type] = { count: tally.count + 1, bytes: tally.bytes + size }
    const lossy = !this.#healed
    if (this.#blocked.has(`${from.index}>${to.index}`)) return this.#count('partitioned')
    if (lossy && this.#prng.chance(this.#options.loss)) return this.#count('lost')
    const copies = lossy && this.#prng.chance(this.#options.duplication) ? 2 : 1
    if (copies === 2) this.#count('duplicated')
    for (let copy = 0; copy < copies; copy++) {
      const { min, max } = this.#options.delayMs
      const delayMs = min + (this.#prng.next() / 2 ** 32) * (max - min)
      this.#after(delayMs, message.type, () => this.#arrive(from, to, epoch, message), `${from.index}>${to.index}`)
    }
  }

  #arrive(from: SimulatedNode, to: SimulatedNode, epoch: number, message: Message): void {
    this.#byzantine[to.index]?.hear(message)
    to.receive(epoch, this.#epoch(epoch).indices[from.index] as number, message)
  }

  #planCrash(node: SimulatedNode): void {
    this.#after(200 + this.#prng.exponential(3_000), 'crash', () => {
      if (this.#healed || !node.up) return
      this.#count('crashed')
      node.crash(this.#prng.below(node.unsynced + 1))
      this.#after(this.#prng.exponential(800), 'restart', () => {
        if (!node.up) node.start()
      })
      this.#planCrash(node)
    })
  }

  /** One direction of some links at a time, so partitions may be asymmetric. */
  #planPartition(): void {
    this.#after(200 + this.#prng.exponential(2_000), 'partition', () => {
      if (this.#healed) return
      const side = new Set(this.nodes.filter(() => this.#prng.chance(0.5)).map((node) => node.index))
      const bothWays = this.#prng.chance(0.5)
      for (const a of this.nodes) {
        for (const b of this.nodes) {
          if (side.has(a.index) && !side.has(b.index)) this.#blocked.add(`${a.index}>${b.index}`)
          if (bothWays && !side.has(a.index) && side.has(b.index)) this.#blocked.add(`${a.index}>${b.index}`)
        }
      }
      this.#after(this.#prng.exponential(1_500), 'repair', () => {
        this.#blocked.clear()
        this.#planPartition()
      })
    })
  }

  /** No peer can make an honest voter hold more than a few views' worth of votes, however it floods. */
  /** To ignore somebody honest would cost his stake, however long the epoch. */
  #checkIgnored(node: SimulatedNode, other: number): void {
    if (this.#byzantine[other] === undefined) throw new Error(`node ${node.index} ignores the honest node ${other}`)
  }

  #checkBounds(node: SimulatedNode, state: VoterState): void {
    if (!this.isHonest(node)) return
    const settled = Math.max(state.finalized.view, state.finalization?.ballot.view ?? 0)
    const span = state.view - settled + VIEWS_AHEAD_MAX + 2
    if (state.views.size > span + CERTIFIED_AHEAD_MAX)
      throw new Error(`node ${node.index} holds ${state.views.size} views, ${span} are open`)
    // Per view its proposal and the block of its certificate; besides them ancestors of certified blocks, while they are fetched.
    const fetched = Math.min(VIEWS_BEHIND_MAX, Math.max(settled, ...state.views.keys()) - state.finalized.view)
    if (state.blocks.size > 2 * state.views.size + fetched + 2)
      throw new Error(`node ${node.index} holds ${state.blocks.size} blocks, ${state.views.size} views are open`)
    for (const [view, entry] of state.views) {
      const held = Object.values(entry.votes).some((votes) => votes.size > 0)
      if (held && view > state.view + VIEWS_AHEAD_MAX)
        throw new Error(`node ${node.index} holds votes of view ${view} in view ${state.view}`)
      for (const votes of Object.values(entry.votes))
        if (votes.size > this.#options.count) throw new Error(`node ${node.index} holds more votes than validators`)
    }
  }
}

/** After the faults end, honest nodes have this long to finalize what is asked for. */
const LIVENESS_MS = 60_000

/** Views far ahead of a node that was cut off, known by certificates that a quorum has signed. */
const CERTIFIED_AHEAD_MAX = 2_000

/** Bytes on the wire: payloads of blocks excluded, they depend on the transactions. */
function sizeOf(message: Message, count: number): number {
  const vote = 8 + 1 + 8 + 32 + 2 + 96
  if (message.type === 'vote') return vote
  if (message.type === 'proposal') return vote + 72
  if (message.type === 'blocks') return 72 * message.blocks.length
  if (message.type === 'request') return 8 + 8 * message.views.length + 32 * message.blocks.length
  return 68 + Math.ceil(count / 8) + 96
}
