import { assert } from '@zerog/primitives'
import { pollAsFollower, requestMissing } from './catch-up.ts'
import { isQuorum, stakeOf } from './committee.ts'
import { voteMessage } from './encoding.ts'
import { PATIENCE_MAX, VIEWS_PER_PATIENCE } from './limits.ts'
import { receiveVote } from './receive.ts'
import { anchorBlock, forgetSettled, isNullified, type Step, settledView, type VoterState, viewState } from './state.ts'
import { type Ballot, type Block, type Certificate, type Finalized, type Message, NO_BLOCK, type View } from './types.ts'

/** Runs every rule until none has anything left to do. Each run either records something new or is the last. */
export function progress(current: Step): void {
  const { state } = current
  if (state.finished) return
  let before: string
  do {
    before = fingerprint(current)
    deliverFinalized(current)
    if (state.finished) return
    if (state.finalization && state.view <= settledView(state)) enterView(current, settledView(state) + 1, state.finalization)
    for (const view of [...state.views.keys()].sort((a, b) => a - b)) {
      certify(current, view)
      finalize(current, view)
      leave(current, view)
    }
    propose(current)
    notarize(current)
  } while (fingerprint(current) !== before)
  requestMissing(current)
}

const fingerprint = ({ state, effects }: Step) => `${state.view}/${state.finalized.view}/${effects.length}`

/** Simplex: a notarized (and here: certified) block or a nullification ends the view. */
function leave(current: Step, view: View): void {
  const { state } = current
  if (view < state.view) return
  const entry = viewState(state, view)
  const { nullify, notarize: notarized } = entry.certificates
  const exit = nullify ?? (entry.execution === 'valid' ? notarized : undefined)
  if (exit) enterView(current, view + 1, exit)
}

export function enterView({ state, nowMs }: Step, view: View, entry: Certificate | undefined): void {
  const { timeouts } = state.config
  state.view = view
  state.entry = entry
  state.enteredMs = nowMs
  state.retryAtMs = isAlone(state) ? Number.POSITIVE_INFINITY : nowMs + timeouts.advanceMs + timeouts.retryMs
}

/** A committee of one waits for transactions, not for a leader (ARCHITECTURE 3a, randomness). */
const isAlone = ({ config }: VoterState) => config.self !== undefined && config.committee.validators.length === 1

/** When the current view is given up: no proposal in time, no notarization in time, or no certification in time. */
function deadlineMs(state: VoterState): number {
  const entry = viewState(state, state.view)
  const { timeouts } = state.config
  if (isAlone(state) || entry.said.nullify || entry.said.finalize) return Number.POSITIVE_INFINITY
  const factor = patience(state)
  if (entry.execution === 'pending') return entry.executingMs + factor * timeouts.certifyMs
  if (entry.said.notarize) return state.enteredMs + factor * timeouts.advanceMs
  return state.enteredMs + (isLeaderSilent(state) ? 0 : factor * timeouts.leaderMs)
}

/** Many views without a finalized block mean that the network is slower than configured: wait longer, until one comes. */
function patience(state: VoterState): number {
  return Math.min(PATIENCE_MAX, 1 + Math.floor((state.view - settledView(state)) / VIEWS_PER_PATIENCE))
}

/** Not waiting for a leader that said nothing in the last views is safe only while a quorum was heard of: else we are the cut-off one. */
function isLeaderSilent({ config, heard, view }: VoterState): boolean {
  const since = view - config.silentViewsMax
  if (since <= 0 || config.leader(view) === config.self) return false
  const active = heard.flatMap((last, index) => (last >= since || index === config.self ? [index] : []))
  return !active.includes(config.leader(view)) && isQuorum(config.committee, stakeOf(config.committee, active))
}

/** Leader: build on the highest certified view below which nothing is left open. */
function propose(current: Step): void {
  const { state, effects } = current
  const { config, view } = state
  const entry = viewState(state, view)
  if (
    config.self === undefined ||
    config.leader(view) !== config.self ||
    entry.building ||
    entry.said.notarize ||
    entry.said.nullify
  )
    return
  const parent = bestParent(state)
  if (parent === undefined) return
  entry.building = true
  // No block passes the boundary: the last block of the epoch is proposed again until it is finalized.
  if (parent.block.height >= config.heightLast) return onBuilt(current, view, parent.block)
  effects.push({ type: 'build', view, parentView: parent.view, parent: parent.block })
}

function bestParent(state: VoterState): { view: View; block: Block } | undefined {
  for (let view = state.view - 1; view >= settledView(state); view--) {
    const block = anchorBlock(state, view)
    if (block) return { view, block }
    if (!isNullified(state, view)) return undefined
  }
  return undefined
}

export function onBuilt(current: Step, view: View, block: Block): void {
  const { state, effects } = current
  const { config } = state
  const entry = viewState(state, view)
  const parent = bestParent(state)
  if (view !== state.view || config.leader(view) !== config.self || entry.said.notarize || entry.said.nullify || !parent) return
  if (!follows(state, block, parent.block)) {
    // A higher parent was certified while this was built: the next round asks again.
    entry.building = false
    return
  }
  state.blocks.set(block.hash, block)
  effects.push({ type: 'store', block })
  const vote = say(current, { kind: 'notarize', view, parentView: parent.view, blockHash: block.hash })
  entry.proposal = { block, vote }
  entry.check = 'valid'
  effects.push({ type: 'broadcast', message: { type: 'proposal', block, vote } })
  receiveVote(current, vote.signer, vote)
}

/** Height and parent fit, or it is the boundary block once more. */
function follows({ config }: VoterState, block: Block, parent: Block): boolean {
  if (parent.height >= config.heightLast) return block.hash === parent.hash
  return block.height === parent.height + 1 && block.parentHash === parent.hash
}

/** Validator: one notarize per view, for the leader's first valid block, on a certified parent with every view between nullified. */
function notarize(current: Step): void {
  const { state, effects } = current
  const entry = viewState(state, state.view)
  const { proposal } = entry
  if (state.config.self === undefined || !proposal || entry.said.notarize || entry.said.nullify || entry.equivocated) return
  const { parentView } = proposal.vote.ballot
  const parent = parentView >= state.finalized.view ? anchorBlock(state, parentView) : undefined
  if (!parent) return
  for (let view = parentView + 1; view < state.view; view++) if (!isNullified(state, view)) return
  if (!follows(state, proposal.block, parent)) {
    entry.check = 'invalid'
    return refuseProposal(current)
  }
  // The boundary block once more: it is certified already, and its payload names the view in which it was new.
  if (entry.check === 'none' && proposal.block.hash === parent.hash) entry.check = 'valid'
  if (entry.check === 'none') {
    entry.check = 'pending'
    effects.push({ type: 'check', view: state.view, block: proposal.block, parent })
  }
  if (entry.check !== 'valid') return
  effects.push({ type: 'store', block: proposal.block })
  cast(current, { kind: 'notarize', view: state.view, parentView, blockHash: proposal.block.hash })
}

export function onChecked(current: Step, view: View, hash: string, valid: boolean): void {
  const entry = current.state.views.get(view)
  if (entry?.check !== 'pending' || entry.proposal?.block.hash !== hash) return
  entry.check = valid ? 'valid' : 'invalid'
  if (!valid && view === current.state.view) refuseProposal(current)
}

function refuseProposal(current: Step): void {
  const { state, effects } = current
  const entry = viewState(state, state.view)
  if (entry.said.nullify || !entry.proposal) return
  effects.push({ type: 'report', evidence: { type: 'invalid_proposal', ...entry.proposal } })
  if (!entry.said.finalize) cast(current, { kind: 'nullify', view: state.view, parentView: 0, blockHash: NO_BLOCK })
}

/** A notarized block is executed as soon as its parent is; a nullification does not end the attempt (commonware: else a halt). */
function certify(current: Step, view: View): void {
  const { state, effects, nowMs } = current
  const entry = viewState(state, view)
  const notarized = entry.certificates.notarize
  if (!notarized || entry.execution !== 'none') return
  const block = state.blocks.get(notarized.ballot.blockHash)
  const parent = notarized.ballot.parentView >= state.finalized.view ? anchorBlock(state, notarized.ballot.parentView) : undefined
  if (!block || !parent) return
  if (!follows(state, block, parent)) return onExecuted(current, view, false)
  if (block.hash === parent.hash) return onExecuted(current, view, true)
  entry.execution = 'pending'
  entry.executingMs = nowMs
  effects.push({ type: 'certify', view, block })
}

export function onCertified(current: Step, view: View, hash: string, valid: boolean): void {
  const entry = current.state.views.get(view)
  if (entry?.execution !== 'pending' || entry.certificates.notarize?.ballot.blockHash !== hash) return
  onExecuted(current, view, valid)
}

function onExecuted(current: Step, view: View, valid: boolean): void {
  const entry = viewState(current.state, view)
  entry.execution = valid ? 'valid' : 'invalid'
  if (!valid && !entry.said.nullify && !entry.said.finalize && current.state.config.self !== undefined) {
    cast(current, { kind: 'nullify', view, parentView: 0, blockHash: NO_BLOCK })
  }
}

/** Never after an own nullify, never without own certification, never where the leader signed two blocks. */
function finalize(current: Step, view: View): void {
  const entry = viewState(current.state, view)
  const notarized = entry.certificates.notarize
  if (current.state.config.self === undefined || !notarized || entry.execution !== 'valid') return
  const { nullify, finalize: finalized } = entry.certificates
  if (entry.said.finalize || entry.said.nullify || entry.equivocated || finalized || nullify) return
  cast(current, { ...notarized.ballot, kind: 'finalize' })
}

/** Hands out everything up to the highest finalization whose ancestors are all here, lowest first. */
function deliverFinalized(current: Step): void {
  const { state, effects } = current
  const { finalization } = state
  if (!finalization || finalization.ballot.view <= state.finalized.view) return
  const chain: Block[] = []
  for (let hash = finalization.ballot.blockHash; hash !== state.finalized.block.hash; ) {
    const block = state.blocks.get(hash)
    if (!block) return
    assert(
      block.height > state.finalized.block.height,
      'two finalized blocks at one height: more than a third of the stake is Byzantine',
    )
    chain.push(block)
    hash = block.parentHash
  }
  const block = chain[0] ?? state.finalized.block
  effects.push({ type: 'finalized', blocks: chain.reverse(), certificate: finalization })
  settle(current, { view: finalization.ballot.view, block, certificate: finalization })
}

/** The application has fetched and verified what is final, up to a point; it stands in its store. */
export function onSynchronized(current: Step, finalized: Finalized): void {
  const { state } = current
  if (finalized.view <= state.finalized.view || state.finished) return
  if (finalized.view > settledView(state)) state.finalization = finalized.certificate
  settle(current, finalized)
}

function settle(current: Step, finalized: Finalized): void {
  const { state, effects } = current
  const { block, certificate } = finalized
  state.finalized = finalized
  state.blocks.set(block.hash, block)
  forgetSettled(state)
  effects.push({ type: 'truncate_log', view: state.finalized.view })
  if (block.height >= state.config.heightLast) {
    state.finished = true
    effects.push({ type: 'epoch_finished', block, certificate })
  }
}

/** The view's time is over: nullify once, then repeat it with the certificate that lets others follow into this view. */
export function nullifyOnTimeout(current: Step): void {
  const { state, nowMs, effects } = current
  if (state.finished) return
  if (state.config.self === undefined) {
    if (nowMs < state.retryAtMs) return
    state.retryAtMs = nowMs + state.config.timeouts.retryMs
    return pollAsFollower(current)
  }
  const entry = viewState(state, state.view)
  if (nowMs >= deadlineMs(state)) cast(current, { kind: 'nullify', view: state.view, parentView: 0, blockHash: NO_BLOCK })
  if (nowMs < state.retryAtMs) return
  state.retryAtMs = nowMs + state.config.timeouts.retryMs
  if (state.entry) broadcast(effects, { type: 'certificate', certificate: state.entry })
  for (const ballot of [entry.said.nullify, entry.said.notarize])
    if (ballot) broadcast(effects, { type: 'vote', vote: sign(state, ballot) })
}

const broadcast = (effects: Step['effects'], message: Message) => effects.push({ type: 'broadcast', message })

/** Says something for the first time: recorded before it is sent, and counted like anybody else's vote. */
function cast(current: Step, ballot: Ballot): void {
  const vote = say(current, ballot)
  broadcast(current.effects, { type: 'vote', vote })
  receiveVote(current, vote.signer, vote)
}

/** The safety rules of one validator, whatever led here. */
function say({ state, effects }: Step, ballot: Ballot) {
  const { said } = viewState(state, ballot.view)
  assert(ballot.view > settledView(state), 'no vote in a view that is settled')
  assert(said[ballot.kind] === undefined, `at most one ${ballot.kind} per view`)
  assert(
    !(ballot.kind === 'finalize' && said.nullify) && !(ballot.kind === 'nullify' && said.finalize),
    'never nullify and finalize',
  )
  said[ballot.kind] = ballot
  effects.push({ type: 'persist', record: { type: 'vote', ballot } })
  return sign(state, ballot)
}

function sign({ config }: VoterState, ballot: Ballot) {
  assert(config.self !== undefined, 'only a validator votes')
  return { ballot, signer: config.self, signature: config.sign(voteMessage(config.committee.context, ballot)) }
}

/** One timer: the earliest of the view's deadline, the retry and an open request. */
export function rearm({ state, effects }: Step): void {
  if (state.finished) return
  const { signature, atMs } = state.requests
  const request = signature === '' ? Number.POSITIVE_INFINITY : atMs + state.config.timeouts.retryMs
  const deadline = state.config.self === undefined ? Number.POSITIVE_INFINITY : deadlineMs(state)
  const next = Math.min(deadline, state.retryAtMs, request)
  if (next !== Number.POSITIVE_INFINITY) effects.push({ type: 'set_timer', atMs: next })
}

/** After a restart own votes are counted again; they were durable before they were sent. */
export function recountOwn(current: Step): void {
  const { state } = current
  for (const entry of state.views.values()) {
    for (const ballot of Object.values(entry.said)) {
      const vote = sign(state, ballot)
      receiveVote(current, vote.signer, vote)
    }
  }
}
