import { type Ballot, type Block, type Certificate, type Message, NO_BLOCK, type Vote, voteMessage } from '@zerog/consensus'
import { simulatedKey, simulatedSign } from '@zerog/consensus/testing'
import type { Prng } from '@zerog/sim'
import type { BlockFlaw, Ledger } from './ledger.ts'
import type { EpochPlan } from './node.ts'

/** What a Byzantine validator may do; each one does a random subset, on top of an honest voter that it ignores at will. */
export const MISDEEDS = [
  'equivocate',
  'invalid_blocks',
  'double_votes',
  'withhold',
  'flood',
  'forge',
  'stale',
  'lie_about_blocks',
  'selective_silence',
  'bad_signatures',
  'impersonate',
  'fork',
  'lie_about_heights',
] as const
export type Misdeed = (typeof MISDEEDS)[number]

/** `to` is a node. */
export type Outgoing = { readonly to: number; readonly message: Message }

type Place = { readonly plan: EpochPlan; readonly epoch: number }

/** Turns what its honest voter would send into what it really sends. */
export class Byzantine {
  readonly #index: number
  readonly #prng: Prng
  readonly #ledger: Ledger
  readonly misdeeds: ReadonlySet<Misdeed>
  readonly #peers: readonly number[]
  readonly #deaf: ReadonlySet<number>
  readonly #seen: Message[] = []
  readonly #twins = new Map<string, Block>()
  readonly #forks = new Map<string, { readonly block: Block; readonly parentView: number }>()

  constructor(options: { index: number; count: number; prng: Prng; ledger: Ledger; misdeeds: ReadonlySet<Misdeed> }) {
    this.#index = options.index
    this.#prng = options.prng
    this.#ledger = options.ledger
    this.misdeeds = options.misdeeds
    this.#peers = Array.from({ length: options.count }, (_, index) => index).filter((index) => index !== options.index)
    this.#deaf = new Set(this.#peers.filter(() => options.prng.chance(0.4)))
  }

  flaw(): BlockFlaw {
    return this.misdeeds.has('invalid_blocks') && this.#prng.chance(0.5) ? this.#prng.pick(['static', 'execution']) : 'none'
  }

  hear(message: Message): void {
    if (this.#seen.length < 64) this.#seen.push(message)
    else this.#seen[this.#prng.below(64)] = message
  }

  broadcast(place: Place, message: Message): Outgoing[] {
    return this.#peers.flatMap((to) => this.send(place, to, message))
  }

  send(place: Place, to: number, message: Message): Outgoing[] {
    const { misdeeds } = this
    if (misdeeds.has('selective_silence') && this.#deaf.has(to)) return []
    if (misdeeds.has('withhold') && this.#prng.chance(0.5)) return []
    const out: Message[] = [message]
    if (misdeeds.has('equivocate') && message.type === 'proposal' && this.#prng.chance(0.5)) out[0] = this.#twin(place, message)
    if (misdeeds.has('fork') && message.type === 'proposal') out[0] = this.#fork(place, message)
    if (misdeeds.has('lie_about_heights') && message.type === 'proposal') out[0] = this.#lift(place, message)
    if (misdeeds.has('double_votes') && message.type === 'vote') out.push(...this.#contradict(place, message.vote.ballot))
    if (misdeeds.has('flood') && this.#prng.chance(0.3)) out.push(...this.#flood(place))
    if (misdeeds.has('forge') && this.#prng.chance(0.3)) out.push(this.#forge(place))
    if (misdeeds.has('stale') && this.#seen.length > 0 && this.#prng.chance(0.3)) out.push(this.#prng.pick(this.#seen))
    if (misdeeds.has('lie_about_blocks') && message.type === 'blocks')
      out[0] = { type: 'blocks', blocks: message.blocks.map((block) => this.#ledger.mint(block, 'static')) }
    if (misdeeds.has('bad_signatures') && message.type === 'vote' && this.#prng.chance(0.3)) {
      out[0] = { type: 'vote', vote: { ...message.vote, signature: this.#prng.bytes(96) } }
    }
    if (misdeeds.has('impersonate') && message.type === 'vote') {
      const signer = place.plan.indices[this.#prng.pick(this.#peers)] as number
      out.push({ type: 'vote', vote: { ...message.vote, signer, signature: this.#prng.bytes(96) } })
    }
    return out.map((each) => ({ to, message: each }))
  }

  #vote(place: Place, ballot: Ballot): Vote {
    const { epoch, plan } = place
    const signature = simulatedSign(simulatedKey(epoch, this.#index), voteMessage(plan.committee.context, ballot))
    return { ballot, signer: plan.indices[this.#index] as number, signature }
  }

  /** A second block for the same view, for some of the peers. */
  #twin(place: Place, proposal: Extract<Message, { type: 'proposal' }>): Message {
    const { block, vote } = proposal
    const parent: Block = { hash: block.parentHash, parentHash: NO_BLOCK, height: block.height - 1 }
    const twin = this.#twins.get(block.hash) ?? this.#ledger.mint(parent, 'none')
    this.#twins.set(block.hash, twin)
    return { type: 'proposal', block: twin, vote: this.#vote(place, { ...vote.ballot, blockHash: twin.hash }) }
  }

  /** A block of a height that will never come. */
  #lift(place: Place, { block, vote }: Extract<Message, { type: 'proposal' }>): Message {
    const tall: Block = { ...block, hash: `0x${'7a'.repeat(8)}${block.hash.slice(18)}`, height: block.height + 1_000_000 }
    return { type: 'proposal', block: tall, vote: this.#vote(place, { ...vote.ballot, blockHash: tall.hash }) }
  }

  /** Builds on an older block, as if the views since had been given up; the same one for everybody. */
  #fork(place: Place, proposal: Extract<Message, { type: 'proposal' }>): Message {
    const { vote } = proposal
    const older = this.#seen.flatMap((message) =>
      message.type === 'proposal' && message.vote.ballot.view < vote.ballot.parentView ? [message] : [],
    )
    if (older.length === 0) return proposal
    const key = `fork/${place.epoch}/${vote.ballot.view}`
    // The newest of them: what it skips may be final somewhere and not yet known to be final elsewhere.
    const parent = older.reduce((newest, each) => (each.vote.ballot.view > newest.vote.ballot.view ? each : newest))
    const known = this.#forks.get(key) ?? { block: this.#ledger.mint(parent.block, 'none'), parentView: parent.vote.ballot.view }
    this.#forks.set(key, known)
    const ballot: Ballot = { ...vote.ballot, parentView: known.parentView, blockHash: known.block.hash }
    return { type: 'proposal', block: known.block, vote: this.#vote(place, ballot) }
  }

  /** Says everything at once about a view: all its blocks notarized and finalized, and nullified too. */
  #contradict(place: Place, ballot: Ballot): Message[] {
    const twin = this.#twins.get(ballot.blockHash)
    const blocks = twin ? [ballot.blockHash, twin.hash] : [ballot.blockHash]
    const ballots: Ballot[] = [{ kind: 'nullify', view: ballot.view, parentView: 0, blockHash: NO_BLOCK }]
    for (const blockHash of blocks) {
      if (blockHash === NO_BLOCK) continue
      ballots.push({ ...ballot, kind: 'notarize', blockHash }, { ...ballot, kind: 'finalize', blockHash })
    }
    return this.#prng.shuffle(ballots).map((each) => ({ type: 'vote', vote: this.#vote(place, each) }))
  }

  #flood(place: Place): Message[] {
    const view = this.#prng.pick([0, -1, 1.5, Number.MAX_SAFE_INTEGER, this.#prng.below(1_000), this.#prng.below(40)])
    if (!Number.isSafeInteger(view) || view < 0) {
      const ballot: Ballot = { kind: 'notarize', view, parentView: 0, blockHash: NO_BLOCK }
      return [{ type: 'vote', vote: { ...this.#vote(place, { ...ballot, view: 1 }), ballot } }]
    }
    const parent: Block = { hash: NO_BLOCK, parentHash: NO_BLOCK, height: this.#prng.below(50) }
    const block = this.#ledger.mint(parent, 'static')
    const ballot: Ballot = { kind: this.#prng.pick(['notarize', 'finalize']), view, parentView: 0, blockHash: block.hash }
    return [
      { type: 'vote', vote: this.#vote(place, ballot) },
      { type: 'blocks', blocks: [block, block] },
      {
        type: 'request',
        views: Array.from({ length: 200 }, (_, index) => index),
        blocks: [block.hash, NO_BLOCK],
        heightAbove: -1,
      },
    ]
  }

  /** A certificate without a quorum behind it. */
  #forge({ plan }: Place): Message {
    const signers = plan.committee.validators.flatMap((_, index) => (this.#prng.chance(0.8) ? [index] : []))
    const ballot: Ballot = {
      kind: this.#prng.pick(['notarize', 'nullify', 'finalize']),
      view: 1 + this.#prng.below(60),
      parentView: 0,
      blockHash: this.#prng.chance(0.5) ? NO_BLOCK : `0x${'ab'.repeat(32)}`,
    }
    const certificate: Certificate = { ballot, signers, signature: this.#prng.bytes(96) }
    return { type: 'certificate', certificate }
  }
}
