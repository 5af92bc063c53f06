import type { Hex } from '@zerog/primitives'
import { assembleCertificate, isQuorum, stakeOf, verifyCertificate, verifyVote } from './committee.ts'
import { ANSWERS_PER_RETRY_MAX, REQUEST_BLOCKS_MAX, REQUEST_VIEWS_MAX, VIEWS_AHEAD_MAX } from './limits.ts'
import { isNullified, type Step, type ViewState, type VoterState, viewState } from './state.ts'
import {
  type Ballot,
  type Block,
  type Certificate,
  type Message,
  NO_BLOCK,
  type ValidatorIndex,
  type View,
  type Vote,
} from './types.ts'

/** A ballot as one comparable value. */
export function ballotKey({ kind, view, parentView, blockHash }: Ballot): string {
  return `${kind}/${view}/${parentView}/${blockHash}`
}

/** The leader's block of a view: the first one counts; a second one, signed, is evidence. */
export function receiveProposal(current: Step, from: ValidatorIndex, block: Block, vote: Vote): void {
  const { state } = current
  const { view, kind, blockHash } = vote.ballot
  if (kind !== 'notarize' || vote.signer !== from || blockHash !== block.hash || from !== state.config.leader(view)) return
  if (!isOpen(state, view)) return
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
  // Somebody who gives up a view that is settled here missed what settled it.
  if (kind === 'nullify' && from !== state.config.self && (view < state.view || state.finished) && mayAnswer(current, from)) {
    helpForward(current, from, view)
  }
  if (!isOpen(state, view) || isNullified(state, view)) return
  const entry = viewState(state, view)
  const first = entry.votes[kind].get(from)
  if (first !== undefined) {
    if (ballotKey(first.ballot) !== ballotKey(vote.ballot)) reportConflict(current, entry, first, vote)
    return
  }
  state.heard[from] = Math.max(state.heard[from] as View, view)
  entry.votes[kind].set(from, vote)
  reportNullifyAndFinalize(current, entry, from)
  assemble(current, view, kind)
}

/** Counts the votes of one kind in a view; at a quorum for one ballot they are aggregated and verified at once. */
function assemble(current: Step, view: View, kind: Ballot['kind']): void {
  const { state } = current
  const entry = viewState(state, view)
  if (entry.certificates[kind] !== undefined) return
  const { committee } = state.config
  const groups = new Map<string, Map<ValidatorIndex, Uint8Array>>()
  for (const vote of entry.votes[kind].values()) {
    const key = ballotKey(vote.ballot)
    const group = groups.get(key) ?? new Map<ValidatorIndex, Uint8Array>()
    groups.set(key, group.set(vote.signer, vote.signature))
  }
  for (const group of groups.values()) {
    if (!isQuorum(committee, stakeOf(committee, group.keys()))) continue
    const [signer] = group.keys()
    const { ballot } = entry.votes[kind].get(signer as ValidatorIndex) as Vote
    const result = assembleCertificate(committee, ballot, group)
    if ('certificate' in result) {
      keepCertificate(current, result.certificate)
      current.effects.push({ type: 'broadcast', message: { type: 'certificate', certificate: result.certificate } })
      return
    }
    for (const invalid of result.invalid) {
      entry.votes[kind].delete(invalid)
      state.ignored.add(invalid)
    }
    return assemble(current, view, kind)
  }
}

export function receiveCertificate(current: Step, from: ValidatorIndex, certificate: Certificate): void {
  const { state } = current
  const { view, kind } = certificate.ballot
  if (view <= state.finalized.view || state.finished) return
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
  if (kind === 'finalize' && view > (state.finalization?.ballot.view ?? 0)) state.finalization = certificate
}

/** A block is taken when it was asked for: some certificate or a known descendant names it. */
export function takeBlock(current: Step, block: Block): void {
  const { state } = current
  if (!state.blocks.has(block.hash) && wantedBlocks(state).includes(block.hash)) state.blocks.set(block.hash, block)
}

/** Blocks that some certificate names, directly or as parent, and that are not here. */
export function wantedBlocks(state: VoterState): Hex[] {
  const wanted = new Set<Hex>()
  const want = (tip: Hex): void => {
    let hash = tip
    let block = state.blocks.get(hash)
    // The finalized block is the floor: everything above it links down to it.
    while (block !== undefined && block.height > state.finalized.block.height + 1) {
      hash = block.parentHash
      block = state.blocks.get(hash)
    }
    if (block === undefined) wanted.add(hash)
  }
  if (state.finalization && state.finalization.ballot.view > state.finalized.view) want(state.finalization.ballot.blockHash)
  for (const [view, entry] of state.views) {
    const { notarize } = entry.certificates
    if (notarize && view > state.finalized.view && entry.execution === 'none') want(notarize.ballot.blockHash)
  }
  return [...wanted].slice(0, REQUEST_BLOCKS_MAX)
}

export function receiveRequest(current: Step, from: ValidatorIndex, request: Extract<Message, { type: 'request' }>): void {
  const { state, effects } = current
  if (!mayAnswer(current, from)) return
  const send = (message: Message) => effects.push({ type: 'send', to: from, message })
  const views = request.views.slice(0, REQUEST_VIEWS_MAX)
  // One finalization settles all views below it.
  const settled = views.find((view) => view <= state.finalized.view || state.finished)
  if (settled !== undefined) helpForward(current, from, settled)
  for (const view of views) if (view > state.finalized.view && !state.finished) helpForward(current, from, view)
  const elsewhere: Hex[] = []
  for (const hash of request.blocks.slice(0, REQUEST_BLOCKS_MAX)) {
    const block = state.blocks.get(hash)
    if (block) send({ type: 'block', block })
    else elsewhere.push(hash)
  }
  if (elsewhere.length > 0) effects.push({ type: 'serve', to: from, blocks: elsewhere })
}

function mayAnswer({ state, nowMs }: Step, peer: ValidatorIndex): boolean {
  const window = state.answered[peer]
  if (window === undefined) return false
  if (nowMs >= window.sinceMs + state.config.timeouts.retryMs) {
    window.sinceMs = nowMs
    window.count = 0
  }
  window.count++
  return window.count <= ANSWERS_PER_RETRY_MAX
}

/** Sends what takes a peer past a view: the finalization if the view is settled, else what is known of it. */
function helpForward(current: Step, to: ValidatorIndex, view: View): void {
  const { state, effects } = current
  const send = (certificate: Certificate) => effects.push({ type: 'send', to, message: { type: 'certificate', certificate } })
  if (view <= state.finalized.view || state.finished) {
    if (state.finalized.certificate) send(state.finalized.certificate)
    return
  }
  for (const certificate of Object.values(state.views.get(view)?.certificates ?? {})) send(certificate)
}

/** Whether votes of this view are still, or already, of interest: bounds what any peer can make us hold. */
function isOpen(state: VoterState, view: View): boolean {
  return view > state.finalized.view && view <= state.view + VIEWS_AHEAD_MAX && !state.finished
}

function isWellFormed({ kind, view, parentView, blockHash }: Ballot): boolean {
  if (!Number.isSafeInteger(view) || view < 1) return false
  return kind === 'nullify' ? parentView === 0 && blockHash === NO_BLOCK : parentView >= 0 && parentView < view
}

function reportConflict(current: Step, entry: ViewState, first: Vote, second: Vote): void {
  const { state, effects } = current
  const { committee } = state.config
  if (state.ignored.has(first.signer)) return
  if (!verifyVote(committee, second)) {
    state.ignored.add(second.signer)
    return
  }
  if (!verifyVote(committee, first)) {
    state.ignored.add(first.signer)
    entry.votes[first.ballot.kind].delete(first.signer)
    return
  }
  if (first.ballot.kind === 'notarize') {
    effects.push({ type: 'report', evidence: { type: 'conflicting_notarize', first, second } })
    if (first.signer === state.config.leader(first.ballot.view)) entry.equivocated = true
  }
}

function reportNullifyAndFinalize(current: Step, entry: ViewState, signer: ValidatorIndex): void {
  const { state, effects } = current
  const nullify = entry.votes.nullify.get(signer)
  const finalize = entry.votes.finalize.get(signer)
  if (!nullify || !finalize) return
  const { committee } = state.config
  if (verifyVote(committee, nullify) && verifyVote(committee, finalize)) {
    effects.push({ type: 'report', evidence: { type: 'nullify_and_finalize', nullify, finalize } })
  }
}
