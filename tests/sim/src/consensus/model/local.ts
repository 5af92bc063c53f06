import type {
  Ballot,
  Block,
  Certificate,
  Effect,
  Event,
  LogRecord,
  Message,
  Vote,
  VoterConfig,
  VoterState,
} from '@zerog/consensus'
import { voteMessage } from '@zerog/consensus'
import { simulatedKey, simulatedMultisignature, simulatedSign } from '@zerog/consensus/testing'
import type { Consensus } from '../node.ts'
import { ANCHOR, type Bounds, BYZANTINE, HONEST, leaderOf, type Universe } from './universe.ts'

/** What can happen to one validator. Signers are counted among the other honest ones: which of them is all the same. */
export type LocalEvent =
  | { readonly type: 'proposal'; readonly ballot: Ballot }
  | { readonly type: 'timeout' }
  | { readonly type: 'certificate'; readonly ballot: Ballot; readonly others: number }
  | { readonly type: 'forged_certificate'; readonly ballot: Ballot }
  | { readonly type: 'restart' }

/** A validator in one of the states that it can be in. Never changed: an event leads to another one. */
export type Local = {
  readonly id: number
  readonly view: number
  readonly isDone: boolean
  readonly finalizedHash: Block['hash']
  /** Ids of all ballots that it ever sent, ascending. */
  readonly spoken: readonly number[]
  readonly restarts: number
  /** Where each event leads, by its name. */
  readonly next: Map<string, number>
  readonly voter: VoterState
  readonly disk: Disk
  readonly nowMs: number
}

type Disk = { readonly log: readonly LogRecord[]; readonly blocks: ReadonlyMap<string, Block> }

const CONTEXT = { chainId: 31_337n, epoch: 0n }
const TIMEOUTS = { leaderMs: 1, advanceMs: 1, certifyMs: 1, retryMs: 1 }

/** A validator settles what it can do alone within a few steps. */
const STEPS_MAX = 1_000

/** A broken promise of the voter, found in one state. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

/**
 * All states of validators that play the same part (lead the same views). The voter is pure, so each is computed once per event, however
 * many states of the whole system it is part of. That makes exhaustive search cheap.
 */
export class Part {
  readonly states: Local[] = []
  readonly #known = new Map<string, number>()
  readonly #config: VoterConfig
  readonly #consensus: Consensus
  readonly #universe: Universe
  readonly #bounds: Bounds
  readonly #self: number

  constructor(self: number, options: { readonly consensus: Consensus; readonly universe: Universe; readonly bounds: Bounds }) {
    this.#self = self
    this.#consensus = options.consensus
    this.#universe = options.universe
    this.#bounds = options.bounds
    const validators = [...HONEST, BYZANTINE].map((index) => ({ publicKey: simulatedKey(0, index), stake: 1n }))
    this.#config = {
      committee: options.consensus.createCommittee({ context: CONTEXT, validators, multisignature: simulatedMultisignature }),
      self,
      sign: (message) => simulatedSign(simulatedKey(0, self), message),
      leader: (view) => leaderOf(options.bounds, view),
      anchor: ANCHOR,
      heightLast: options.bounds.heightLast ?? 1_000,
      timeouts: TIMEOUTS,
      // Who is silent is not modelled: it only moves timeouts, and those may come at any time here.
      silentViewsMax: 1_000_000,
    }
    const voter = options.consensus.createVoterState(this.#config)
    this.#enter({ voter, nowMs: 0, spoken: new Set(), restarts: 0, log: [], blocks: new Map() }, [{ type: 'started' }])
  }

  /** The state after an event; the same number when nothing changes. Throws `Violation`, or whatever the voter throws. */
  after(local: Local, name: string, event: () => LocalEvent): number {
    let next = local.next.get(name)
    if (next === undefined) {
      next = this.#apply(local, event())
      local.next.set(name, next)
    }
    return next
  }

  #apply(local: Local, event: LocalEvent): number {
    const draft = draftOf(local)
    switch (event.type) {
      case 'timeout':
        draft.nowMs += 1_000_000
        return this.#enter(draft, [{ type: 'time_passed' }])
      case 'proposal':
        return this.#enter(draft, [this.#propose(event.ballot)])
      case 'certificate': {
        const byCertificate = this.#enter(draft, [heard(this.#certificate(local, event))])
        this.#checkVotes(local, event, byCertificate)
        return byCertificate
      }
      case 'forged_certificate': {
        const { ballot } = event
        const forged: Certificate = { ballot, signers: [0, 1, 2, 3], signature: new Uint8Array(96) }
        const certificates = countCertificates(local.voter)
        const changed = draftOf(local)
        this.#run(changed, [heard({ type: 'certificate', certificate: forged })])
        // Refused, it only silences the liar, who gains nothing by that.
        return countCertificates(changed.voter) === certificates ? local.id : this.#add(changed)
      }
      case 'restart': {
        const { finalized } = local.voter
        const { certificate } = finalized
        draft.voter = this.#consensus.restore(this.#config, {
          blocks: [...local.disk.blocks.values()],
          log: local.disk.log.filter((record) => viewOf(record) > finalized.view),
          ...(certificate ? { finalized: { ...finalized, certificate } } : {}),
        })
        draft.restarts++
        return this.#enter(draft, [{ type: 'started' }])
      }
    }
  }

  /** Votes one by one lead where their certificate leads: that is why only certificates are played. */
  #checkVotes(local: Local, event: Extract<LocalEvent, { type: 'certificate' }>, byCertificate: number): void {
    // A leader whose other block was seen is caught by its own vote, which a certificate hides.
    const proposal = local.voter.views.get(event.ballot.view)?.proposal?.vote.ballot
    if (event.ballot.kind === 'notarize' && proposal && proposal.blockHash !== event.ballot.blockHash) return
    const { signers } = this.#certificate(local, event).certificate
    const draft = draftOf(local)
    const votes = signers.filter((signer) => signer !== this.#self).map((signer) => this.#vote(signer, event.ballot))
    this.#run(
      draft,
      votes.map((vote): Event => heard({ type: 'vote', vote }, vote.signer)),
    )
    const reached = countCertificates(draft.voter) > countCertificates(local.voter)
    if (reached && this.#keyOf(draft) !== this.#keyOf(draftOf(this.states[byCertificate] as Local)))
      throw new Violation('votes lead elsewhere than their certificate')
  }

  #vote(signer: number, ballot: Ballot): Vote {
    return { ballot, signer, signature: simulatedSign(simulatedKey(0, signer), voteMessage(CONTEXT, ballot)) }
  }

  #propose(ballot: Ballot): Event {
    const leader = leaderOf(this.#bounds, ballot.view)
    return heard({ type: 'proposal', block: this.#universe.block(ballot.blockHash), vote: this.#vote(leader, ballot) }, leader)
  }

  #certificate(local: Local, { ballot, others }: { readonly ballot: Ballot; readonly others: number }) {
    const self = local.spoken.includes(this.#universe.ballotId(ballot)) ? [this.#self] : []
    const rest = HONEST.filter((index) => index !== this.#self).slice(0, others)
    const signers = [...self, ...rest, BYZANTINE].sort((a, b) => a - b)
    const signature = simulatedMultisignature.aggregate(signers.map((signer) => this.#vote(signer, ballot).signature))
    return { type: 'certificate' as const, certificate: { ballot, signers, signature: signature as Uint8Array } }
  }

  #enter(draft: Draft, events: readonly Event[]): number {
    this.#run(draft, events)
    return this.#add(draft)
  }

  /** Everything that a validator does alone happens at once: building, checking, executing, fetching. */
  #run(draft: Draft, events: readonly Event[]): void {
    const queue: Event[] = [...events]
    let steps = 0
    for (let event = queue.shift(); event; event = queue.shift()) {
      if (++steps > STEPS_MAX) throw new Violation('a validator that hears nothing new never comes to rest')
      for (const effect of this.#consensus.step(draft.voter, event, { nowMs: draft.nowMs })) {
        const answer = this.#perform(draft, effect)
        if (answer) queue.push(answer)
      }
    }
  }

  #perform(draft: Draft, effect: Effect): Event | undefined {
    switch (effect.type) {
      case 'store':
        draft.blocks.set(effect.block.hash, effect.block)
        return undefined
      case 'persist':
        draft.log.push(effect.record)
        return undefined
      case 'broadcast':
        if (effect.message.type === 'vote' || effect.message.type === 'proposal') this.#speak(draft, effect.message.vote.ballot)
        return undefined
      case 'send':
        if (effect.message.type !== 'request' || effect.message.blocks.length === 0) return undefined
        return heard({ type: 'blocks', blocks: effect.message.blocks.flatMap((hash) => this.#universe.lineage(hash)) })
      case 'build':
        if (effect.view > this.#bounds.views) return undefined
        return { type: 'block_built', view: effect.view, block: this.#universe.mint(effect.view, effect.parent, 0) }
      case 'check':
        return { type: 'block_checked', view: effect.view, hash: effect.block.hash, valid: true }
      case 'certify': {
        const valid = this.#universe.isExecutable(effect.block.hash)
        return { type: 'block_certified', view: effect.view, hash: effect.block.hash, valid }
      }
      case 'finalized':
        for (const block of effect.blocks) {
          if (!this.#universe.isExecutable(block.hash))
            throw new Violation(`a block that does not execute is final: ${block.hash}`)
          if (block.height > this.#config.heightLast) throw new Violation('a block beyond the end of the epoch is final')
        }
        return undefined
      case 'report': {
        const { evidence } = effect
        const vote = 'vote' in evidence ? evidence.vote : 'first' in evidence ? evidence.first : evidence.nullify
        if (vote.signer !== BYZANTINE) throw new Violation(`honest validator ${vote.signer} was accused of ${evidence.type}`)
        return undefined
      }
      default:
        return undefined
    }
  }

  #speak(draft: Draft, ballot: Ballot): void {
    const id = this.#universe.ballotId(ballot)
    if (draft.spoken.has(id)) return
    for (const each of draft.spoken) {
      const before = this.#universe.ballot(each)
      if (before.view !== ballot.view) continue
      const kinds = new Set([before.kind, ballot.kind])
      if (kinds.size === 1 || (kinds.has('nullify') && kinds.has('finalize')))
        throw new Violation(`an honest validator sent ${before.kind} and ${ballot.kind} in view ${ballot.view}`)
    }
    draft.spoken.add(id)
  }

  #add(draft: Draft): number {
    const key = this.#keyOf(draft)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const id = this.states.length
    const { voter, nowMs, restarts, log, blocks } = draft
    this.states.push({
      id,
      view: voter.view,
      isDone: voter.finished || voter.view > this.#bounds.views,
      finalizedHash: voter.finalized.block.hash,
      spoken: [...draft.spoken].sort((a, b) => a - b),
      restarts,
      next: new Map(),
      voter,
      disk: { log, blocks },
      nowMs,
    })
    this.#known.set(key, id)
    return id
  }

  /** Everything that decides what the validator will do, and nothing else: no clock, no votes of others (see `#checkVotes`). */
  #keyOf({ voter, spoken, restarts }: Draft): string {
    const views = [...voter.views]
      .sort(([a], [b]) => a - b)
      .map(([view, { proposal, check, execution, equivocated, building, certificates, said }]) => {
        const hashes = [
          proposal?.vote.ballot,
          ...KINDS.map((kind) => certificates[kind]?.ballot),
          ...KINDS.map((kind) => said[kind]),
        ]
        const texts = hashes.map((ballot) => (ballot ? this.#universe.ballotId(ballot) : '-'))
        return `${view}:${texts.join()}${check}${execution}${equivocated}${building}`
      })
    const finalization = voter.finalization ? this.#universe.ballotId(voter.finalization.ballot) : '-'
    const spokenIds = [...spoken].sort((a, b) => a - b).join()
    return [
      voter.view,
      voter.finished,
      voter.finalized.view,
      voter.finalized.block.hash,
      finalization,
      restarts,
      spokenIds,
      ...views,
    ].join('|')
  }
}

const KINDS = ['notarize', 'nullify', 'finalize'] as const

type Draft = {
  voter: VoterState
  nowMs: number
  readonly spoken: Set<number>
  restarts: number
  readonly log: LogRecord[]
  readonly blocks: Map<string, Block>
}

function draftOf({ voter, nowMs, spoken, restarts, disk }: Local): Draft {
  return { voter: cloneVoter(voter), nowMs, spoken: new Set(spoken), restarts, log: [...disk.log], blocks: new Map(disk.blocks) }
}

/** Copies what a step may change; ballots, blocks and certificates are immutable. */
function cloneVoter(state: VoterState): VoterState {
  return {
    ...state,
    views: new Map(
      [...state.views].map(([view, entry]) => [
        view,
        {
          ...entry,
          votes: {
            notarize: new Map(entry.votes.notarize),
            nullify: new Map(entry.votes.nullify),
            finalize: new Map(entry.votes.finalize),
          },
          certificates: { ...entry.certificates },
          said: { ...entry.said },
          accused: new Set(entry.accused),
        },
      ]),
    ),
    blocks: new Map(state.blocks),
    heard: [...state.heard],
    ignored: new Set(state.ignored),
    answered: state.answered.map((window) => ({ ...window })),
    requests: { ...state.requests },
  }
}

const countCertificates = ({ views, finalization }: VoterState): number =>
  [...views.values()].reduce(
    (sum, { certificates }) => sum + Object.keys(certificates).length,
    finalization ? 100 * finalization.ballot.view : 0,
  )

const viewOf = (record: LogRecord): number => (record.type === 'vote' ? record.ballot.view : record.certificate.ballot.view)

/** Certificates and blocks come from an honest peer: whoever made them, somebody passes them on. */
function heard(message: Message, from?: number): Event {
  return { type: 'message_received', from: from ?? 0, message }
}
