import type { Hex } from '@zerog/primitives'
import type { Committee } from './committee.ts'
import type { Ballot, Block, Certificate, Effect, ValidatorIndex, View, Vote } from './types.ts'

export type Timeouts = {
  /** No proposal by then: nullify. Twice the expected one-way delay. */
  readonly leaderMs: number
  /** No notarization by then: nullify. Three times the expected delay. */
  readonly advanceMs: number
  /** Notarized, but not certified (executed) by then: nullify. */
  readonly certifyMs: number
  /** Own nullify, the certificate that led into the view and open requests are sent again this often. */
  readonly retryMs: number
}

/** What never changes during an epoch. */
export type VoterConfig = {
  readonly committee: Committee
  /** undefined follows without voting. */
  readonly self: ValidatorIndex | undefined
  /** Peers that follow without voting; requests from the indices behind the last validator's are answered. Default 0. */
  readonly observerCount?: number
  /** Signs the bytes of `voteMessage`; deterministic. */
  readonly sign: (message: Uint8Array) => Uint8Array
  readonly leader: (view: View) => ValidatorIndex
  /** The last block of the epoch before: finalized, stands for view 0. */
  readonly anchor: Block
  /** The height that no block passes: its block is proposed again until it is finalized. */
  readonly heightLast: number
  readonly timeouts: Timeouts
  /** A leader not heard of for this many views, while a quorum was, is not waited for. */
  readonly silentViewsMax: number
}

/** All that is known of one view. */
export type ViewState = {
  proposal: { readonly block: Block; readonly vote: Vote } | undefined
  /** Static validity of the proposal. */
  check: 'none' | 'pending' | 'valid' | 'invalid'
  /** First vote of each signer by kind, kept for evidence until the view is nullified or settled. */
  readonly votes: Record<Ballot['kind'], Map<ValidatorIndex, Vote>>
  readonly certificates: Partial<Record<Ballot['kind'], Certificate>>
  /** Execution of the notarized block. */
  execution: 'none' | 'pending' | 'valid' | 'invalid'
  /** When execution began. */
  executingMs: number
  /** What this validator has said. */
  readonly said: Partial<Record<Ballot['kind'], Ballot>>
  /** The leader signed two blocks: no finalize from here. */
  equivocated: boolean
  /** Evidence already reported, as `type/signer`. */
  readonly accused: Set<string>
  building: boolean
}

export type VoterState = {
  readonly config: VoterConfig
  view: View
  /** When the current view was entered. */
  enteredMs: number
  /** Own votes of a view that does not end are sent again then; Infinity for a committee of one. */
  retryAtMs: number
  /** Led into the current view; helps those who are behind. */
  entry: Certificate | undefined
  readonly views: Map<View, ViewState>
  /** Blocks above the finalized one, and the finalized one. */
  readonly blocks: Map<Hex, Block>
  finalized: { view: View; block: Block; certificate: Certificate | undefined }
  /** The highest finalization known; its block's ancestors may still be missing. */
  finalization: Certificate | undefined
  /** Last view in which something signed came from a validator. */
  readonly heard: View[]
  /** Signed something invalid, or sent a certificate that does not verify: ignored from then on. */
  readonly ignored: Set<ValidatorIndex>
  /** Answers given to each peer (validators, then observers) in its current window: asking is cheap, answering is not. */
  readonly answered: { sinceMs: number; count: number }[]
  /** Requests rotate over the peers. */
  requests: { signature: string; atMs: number; attempts: number }
  finished: boolean
}

/** One step's working set: the state, the time of the event and the effects so far. */
export type Step = { readonly state: VoterState; readonly nowMs: number; readonly effects: Effect[] }

export function createVoterState(config: VoterConfig): VoterState {
  return {
    config,
    view: 1,
    enteredMs: 0,
    retryAtMs: Number.POSITIVE_INFINITY,
    entry: undefined,
    views: new Map(),
    blocks: new Map([[config.anchor.hash, config.anchor]]),
    finalized: { view: 0, block: config.anchor, certificate: undefined },
    finalization: undefined,
    heard: config.committee.validators.map(() => 0),
    ignored: new Set(),
    answered: Array.from({ length: config.committee.validators.length + (config.observerCount ?? 0) }, () => ({
      sinceMs: 0,
      count: 0,
    })),
    requests: { signature: '', atMs: 0, attempts: 0 },
    finished: false,
  }
}

export function viewState(state: VoterState, view: View): ViewState {
  let entry = state.views.get(view)
  if (entry === undefined) {
    entry = {
      proposal: undefined,
      check: 'none',
      votes: { notarize: new Map(), nullify: new Map(), finalize: new Map() },
      certificates: {},
      execution: 'none',
      executingMs: 0,
      said: {},
      equivocated: false,
      accused: new Set(),
      building: false,
    }
    state.views.set(view, entry)
  }
  return entry
}

/** The block that a view may be built on: the finalized one, or one whose notarization this validator has certified. */
export function anchorBlock(state: VoterState, view: View): Block | undefined {
  if (view === state.finalized.view) return state.finalized.block
  const entry = state.views.get(view)
  if (entry?.execution !== 'valid') return undefined
  return state.blocks.get((entry.certificates.notarize as Certificate).ballot.blockHash)
}

/** Views up to here are over for good: one of them is known to be final, even if its block or ancestors are not here yet. */
export function settledView(state: VoterState): View {
  return Math.max(state.finalized.view, state.finalization?.ballot.view ?? 0)
}

export function isNullified(state: VoterState, view: View): boolean {
  return state.views.get(view)?.certificates.nullify !== undefined
}

/** Keeps the finalized block and what open views still name; a block's own height proves nothing, a liar chooses it. */
export function forgetSettled(state: VoterState): void {
  const kept = new Set<Hex>([state.finalized.block.hash])
  const keep = (tip: Hex): void => {
    for (let hash = tip; !kept.has(hash); ) {
      const block = state.blocks.get(hash)
      if (block === undefined || block.height <= state.finalized.block.height) return
      kept.add(hash)
      hash = block.parentHash
    }
  }
  if (state.finalization) keep(state.finalization.ballot.blockHash)
  for (const [view, { proposal, certificates, said }] of state.views) {
    if (view <= settledView(state)) {
      state.views.delete(view)
      continue
    }
    if (proposal) keep(proposal.block.hash)
    if (certificates.notarize) keep(certificates.notarize.ballot.blockHash)
    if (said.notarize) keep(said.notarize.blockHash)
  }
  for (const hash of state.blocks.keys()) if (!kept.has(hash)) state.blocks.delete(hash)
}
