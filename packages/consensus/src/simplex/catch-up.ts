import type { Hex } from '@zerog/primitives'
import { ANSWERS_PER_RETRY_MAX, REQUEST_BLOCKS_MAX, REQUEST_VIEWS_MAX, RESPONSE_BLOCKS_MAX, VIEWS_BEHIND_MAX } from './limits.ts'
import { isNullified, type Step, settledView, type VoterState } from './state.ts'
import type { Block, Certificate, Message, ValidatorIndex, View } from './types.ts'

// Simplex assumes that a certificate reaches everybody; real links lose what they had in flight. So what is missing is asked for, as
// commonware's `simplex/actors/resolver` does, and who gives up a settled view is told how it was settled.

/**
 * Asks for certificates of open views and for blocks that are named but not here: first the leader that built on them, then one peer
 * after the other, one request per retry interval. Too far behind, it is not the voter that fetches blocks.
 */
export function requestMissing({ state, nowMs, effects }: Step): void {
  const views = missingViews(state)
  const blocks = [...wantedBlocks(state)].slice(0, REQUEST_BLOCKS_MAX)
  const isBehind = settledView(state) - state.finalized.view > VIEWS_BEHIND_MAX
  if (views.length === 0 && blocks.length === 0 && !isBehind) {
    state.requests.signature = ''
    return
  }
  const signature = isBehind ? 'behind' : `${views.join()}/${blocks.join()}`
  const isNew = signature !== state.requests.signature
  if (!isNew && nowMs < state.requests.atMs + state.config.timeouts.retryMs) return
  if (isBehind && state.finalization) {
    state.requests = { ...state.requests, signature, atMs: nowMs }
    effects.push({ type: 'synchronize', certificate: state.finalization })
    return
  }
  const leader = state.views.get(state.view)?.proposal?.vote.signer
  const to = isNew && leader !== undefined && leader !== state.config.self ? leader : nextPeer(state)
  if (to === undefined) return
  state.requests = { signature, atMs: nowMs, attempts: state.requests.attempts + 1 }
  effects.push({ type: 'send', to, message: { type: 'request', views, blocks, heightAbove: state.finalized.block.height } })
}

/** Who does not vote repeats nothing that others would answer: it asks how its view ended. */
export function pollAsFollower({ state, effects }: Step): void {
  const to = nextPeer(state)
  if (to === undefined) return
  state.requests.attempts++
  const blocks = [...wantedBlocks(state)].slice(0, REQUEST_BLOCKS_MAX)
  const heightAbove = state.finalized.block.height
  effects.push({ type: 'send', to, message: { type: 'request', views: [state.view], blocks, heightAbove } })
}

function nextPeer({ config, requests }: VoterState): ValidatorIndex | undefined {
  const peers = config.committee.validators.flatMap((_, index) => (index === config.self ? [] : [index]))
  return peers[requests.attempts % peers.length]
}

/**
 * Views whose end is unknown here; what the proposal at hand rests on: its parent's notarization and the nullifications since; and
 * the parents of notarized blocks, which may be views that were nullified here.
 */
function missingViews(state: VoterState): View[] {
  const missing = new Set<View>()
  const parentView = state.views.get(state.view)?.proposal?.vote.ballot.parentView ?? state.view
  for (let view = settledView(state) + 1; view < state.view && missing.size < REQUEST_VIEWS_MAX; view++) {
    const execution = state.views.get(view)?.execution ?? 'none'
    const unended = !isNullified(state, view) && (execution === 'none' || execution === 'invalid')
    const unjustified = view === parentView ? execution === 'none' : view > parentView && !isNullified(state, view)
    if (unended || unjustified) missing.add(view)
  }
  for (const { certificates, execution } of state.views.values()) {
    if (missing.size >= REQUEST_VIEWS_MAX) break
    if (!certificates.notarize || execution !== 'none') continue
    const parent = certificates.notarize.ballot.parentView
    if (parent > settledView(state) && !state.views.get(parent)?.certificates.notarize) missing.add(parent)
  }
  return [...missing]
}

/** Blocks are taken as far as some certificate or a known descendant names them. */
export function takeBlocks({ state }: Step, blocks: readonly Block[]): void {
  const wanted = wantedBlocks(state)
  for (const block of blocks.slice(0, RESPONSE_BLOCKS_MAX)) {
    if (!wanted.delete(block.hash)) continue
    state.blocks.set(block.hash, block)
    if (block.height > state.finalized.block.height + 1 && !state.blocks.has(block.parentHash)) wanted.add(block.parentHash)
  }
}

/** Blocks that some certificate names, directly or as ancestor, and that are not here. */
function wantedBlocks(state: VoterState): Set<Hex> {
  const wanted = new Set<Hex>()
  if (settledView(state) - state.finalized.view > VIEWS_BEHIND_MAX) return wanted
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
  for (const entry of state.views.values()) {
    const { notarize } = entry.certificates
    if (notarize && entry.execution === 'none') want(notarize.ballot.blockHash)
  }
  return wanted
}

export function receiveRequest(current: Step, from: ValidatorIndex, request: Extract<Message, { type: 'request' }>): void {
  const { state, effects } = current
  if (!mayAnswer(current, from)) return
  const views = request.views.slice(0, REQUEST_VIEWS_MAX)
  // One finalization settles all views below it.
  const settled = views.find((view) => view <= settledView(state) || state.finished)
  if (settled !== undefined) helpForward(current, from, settled)
  for (const view of views) if (view > settledView(state) && !state.finished) helpForward(current, from, view)
  const { heightAbove } = request
  const elsewhere: Hex[] = []
  let left = RESPONSE_BLOCKS_MAX
  for (const asked of request.blocks.slice(0, REQUEST_BLOCKS_MAX)) {
    const blocks: Block[] = []
    let hash = asked
    let block = state.blocks.get(hash)
    for (; block && block.height > heightAbove && blocks.length < left; block = state.blocks.get(hash)) {
      blocks.push(block)
      hash = block.parentHash
    }
    left -= blocks.length
    if (blocks.length > 0) effects.push({ type: 'send', to: from, message: { type: 'blocks', blocks } })
    if (!block && left > 0) elsewhere.push(hash)
  }
  if (elsewhere.length > 0) effects.push({ type: 'serve', to: from, blocks: elsewhere, heightAbove, countMax: left })
}

/** Somebody who gives up a view that is settled here missed what settled it. */
export function answerLateNullify(current: Step, from: ValidatorIndex, view: View): void {
  const { state } = current
  if (from === state.config.self || (view >= state.view && !state.finished)) return
  if (mayAnswer(current, from)) helpForward(current, from, view)
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
  if (view <= settledView(state) || state.finished) {
    if (state.finalization) send(state.finalization)
    return
  }
  for (const certificate of Object.values(state.views.get(view)?.certificates ?? {})) send(certificate)
}
