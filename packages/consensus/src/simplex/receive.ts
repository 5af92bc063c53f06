import { isHex } from '@zerog/primitives'
import { answerLateNullify } from './catch-up.ts'
import { assembleCertificate, isQuorum, stakeOf, verifyCertificate, verifyVote } from './committee.ts'
import { VIEWS_AHEAD_MAX } from './limits.ts'
import { forgetSettled, isNullified, type Step, settledView, type ViewState, type VoterState, viewState } from './state.ts'
import { type Ballot, type Block, type Certificate, NO_BLOCK, type ValidatorIndex, type View, type Vote } from './types.ts'

/** Whether two votes say the same. */
const sameBallot = (a: Ballot, b: Ballot): boolean =>
  a.kind === b.kind && a.view === b.view && a.parentView === b.parentView && a.blockHash === b.blockHash

/** The leader's block of a view: the first one counts; a second one, signed, is evidence. */
export function receiveProposal(current: Step, from: ValidatorIndex, block: Block, vote: Vote): void {
  const { state } = current
  const { view, kind, blockHash } = vote.ballot
  // Before the schedule and the vote's bytes are computed from them: neither is defined for what is no view.
  if (kind !== 'notarize' || !isWellFormed(vote.ballot) || !isOpen(state, view) || isNullified(state, view)) return
  if (vote.signer !== from || blockHash !== block.hash || from !== state.config.leader(view)) return
  const entry = viewState(state, view)
  if (entry.proposal === undefined) {
    // Votes are verified in bulk, but a block is only held for a leader who really signed it.
    if (!verifyVote(state.config.committee, vote)) {
      state.ignored.add(from)
      return
    }
    entry.proposal = { block, vote }
    state.blocks.set(block.hash, block)
  }
  receiveVote(current, from, vote)
}

/** Votes come from their signers only. The first of a kind counts; a conflicting one becomes evidence when both verify. */
export function receiveVote(current: Step, from: ValidatorIndex, vote: Vote): void {
  const { state } = current
  const { view, kind } = vote.ballot
  if (vote.signer !== from || state.config.committee.validators[from] === undefined || !isWellFormed(vote.ballot)) return
  if (kind === 'nullify') answerLateNullify(current, from, view)
  if (!isOpen(state, view) || isNullified(state, view)) return
  const entry = viewState(state, view)
  const first = entry.votes[kind].get(from)
  if (first !== undefined) {
    if (!sameBallot(first.ballot, vote.ballot)) reportConflict(current, entry, first, vote)
    return
  }
  state.heard[from] = Math.max(state.heard[from] as View, view)
  entry.votes[kind].set(from, vote)
  reportNullifyAndFinalize(current, entry, from)
  assemble(current, vote.ballot)
}

/** Counts the votes for a ballot; at a quorum they are aggregated and verified at once. */
function assemble(current: Step, ballot: Ballot): void {
  const { state } = current
  const { committee } = state.config
  const entry = viewState(state, ballot.view)
  if (entry.certificates[ballot.kind] !== undefined) return
  const group = new Map<ValidatorIndex, Uint8Array>()
  for (const vote of entry.votes[ballot.kind].values())
    if (sameBallot(vote.ballot, ballot)) group.set(vote.signer, vote.signature)
  if (!isQuorum(committee, stakeOf(committee, group.keys()))) return
  const result = assembleCertificate(committee, ballot, group)
  if ('certificate' in result) {
    keepCertificate(current, result.certificate)
    current.effects.push({ type: 'broadcast', message: { type: 'certificate', certificate: result.certificate } })
    return
  }
  for (const invalid of result.invalid) {
    entry.votes[ballot.kind].delete(invalid)
    state.ignored.add(invalid)
  }
  // What is left may still be a quorum: each round has fewer votes.
  assemble(current, ballot)
}

export function receiveCertificate(current: Step, from: ValidatorIndex, certificate: Certificate): void {
  const { state } = current
  const { view, kind } = certificate.ballot
  if (view <= settledView(state) || state.finished) return
  if (!isWellFormed(certificate.ballot) || state.views.get(view)?.certificates[kind] !== undefined) return
  if (!verifyCertificate(state.config.committee, certificate)) {
    state.ignored.add(from)
    return
  }
  keepCertificate(current, certificate)
}

/** A verified certificate is durable before anything is built on it. */
function keepCertificate(current: Step, certificate: Certificate): void {
  const { state, effects } = current
  const { view, kind } = certificate.ballot
  const entry = viewState(state, view)
  entry.certificates[kind] = certificate
  if (kind === 'nullify') for (const votes of Object.values(entry.votes)) votes.clear()
  effects.push({ type: 'persist', record: { type: 'certificate', certificate } })
  for (const signer of certificate.signers) state.heard[signer] = Math.max(state.heard[signer] as View, view)
  if (kind !== 'finalize') return
  // The views below say nothing any more that matters: the block's ancestors follow from its hash.
  state.finalization = certificate
  forgetSettled(state)
}

/** Whether votes of this view are still, or already, of interest: bounds what any peer can make us hold. */
function isOpen(state: VoterState, view: View): boolean {
  return view > settledView(state) && view <= state.view + VIEWS_AHEAD_MAX && !state.finished
}

function isWellFormed({ kind, view, parentView, blockHash }: Ballot): boolean {
  if (!Number.isSafeInteger(view) || view < 1 || !Number.isSafeInteger(parentView) || !isHex(blockHash, 32)) return false
  return kind === 'nullify' ? parentView === 0 && blockHash === NO_BLOCK : parentView >= 0 && parentView < view
}

/** Two different votes of one kind; only notarize and finalize can differ. Reported once per signer, view and kind. */
function reportConflict({ state, effects }: Step, entry: ViewState, first: Vote, second: Vote): void {
  const { committee } = state.config
  const { signer } = first
  const type = first.ballot.kind === 'finalize' ? 'conflicting_finalize' : 'conflicting_notarize'
  if (entry.accused.has(`${type}/${signer}`) || state.ignored.has(signer)) return
  if (!verifyVote(committee, second)) {
    state.ignored.add(signer)
    return
  }
  if (!verifyVote(committee, first)) {
    state.ignored.add(signer)
    entry.votes[first.ballot.kind].delete(signer)
    return
  }
  entry.accused.add(`${type}/${signer}`)
  effects.push({ type: 'report', evidence: { type, first, second } })
  if (type === 'conflicting_notarize' && signer === state.config.leader(first.ballot.view)) entry.equivocated = true
}

function reportNullifyAndFinalize({ state, effects }: Step, entry: ViewState, signer: ValidatorIndex): void {
  const nullify = entry.votes.nullify.get(signer)
  const finalize = entry.votes.finalize.get(signer)
  const type = 'nullify_and_finalize'
  if (!nullify || !finalize || entry.accused.has(`${type}/${signer}`)) return
  const { committee } = state.config
  if (!verifyVote(committee, nullify) || !verifyVote(committee, finalize)) return
  entry.accused.add(`${type}/${signer}`)
  effects.push({ type: 'report', evidence: { type, nullify, finalize } })
}
