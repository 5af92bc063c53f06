import { assert } from '@zerog/primitives'
import { receiveRequest, takeBlocks } from './catch-up.ts'
import { receiveCertificate, receiveProposal, receiveVote } from './receive.ts'
import {
  enterView,
  nullifyOnTimeout,
  onBuilt,
  onCertified,
  onChecked,
  onSynchronized,
  progress,
  rearm,
  recountOwn,
} from './rules.ts'
import { createVoterState, forgetSettled, type Step, type VoterConfig, type VoterState, viewState } from './state.ts'
import type { Block, Effect, Event, Finalized, LogRecord, Message, ValidatorIndex } from './types.ts'

/**
 * Simplex consensus (Chan and Pass, eprint 2023/463) in the variant of commonware's `consensus/simplex`: a block is executed
 * ("certified") before the finalize vote. One voter serves one epoch. It is a pure state machine: it changes nothing but `state`,
 * takes the time as an argument and returns what is to be done, in order.
 */
export function step(state: VoterState, event: Event, environment: { readonly nowMs: number }): Effect[] {
  const current: Step = { state, nowMs: environment.nowMs, effects: [] }
  apply(current, event)
  progress(current)
  rearm(current)
  return current.effects
}

function apply(current: Step, event: Event): void {
  switch (event.type) {
    case 'started':
      enterView(current, current.state.view, current.state.entry)
      return recountOwn(current)
    case 'time_passed':
      return nullifyOnTimeout(current)
    case 'message_received':
      return receive(current, event.from, event.message)
    case 'block_built':
      return onBuilt(current, event.view, event.block)
    case 'block_checked':
      return onChecked(current, event.view, event.hash, event.valid)
    case 'block_certified':
      return onCertified(current, event.view, event.hash, event.valid)
    case 'synchronized':
      return onSynchronized(current, event.finalized)
  }
}

function receive(current: Step, from: ValidatorIndex, message: Message): void {
  if (current.state.ignored.has(from)) return
  switch (message.type) {
    case 'proposal':
      return receiveProposal(current, from, message.block, message.vote)
    case 'vote':
      return receiveVote(current, from, message.vote)
    case 'certificate':
      return receiveCertificate(current, from, message.certificate)
    case 'request':
      return receiveRequest(current, from, message)
    case 'blocks':
      return takeBlocks(current, message.blocks)
  }
}

export type Restored = {
  /** The last finalized block that the store holds, with its view and certificate; absent at the start of the epoch. */
  readonly finalized?: Finalized
  /** Stored blocks above the finalized one; what the log does not name is forgotten. */
  readonly blocks: readonly Block[]
  /** Any prefix of the log that contains everything that was durable. */
  readonly log: readonly LogRecord[]
}

/** The state after a restart. Follow with the event `started`. Whatever the log says was said is never contradicted. */
export function restore(config: VoterConfig, { finalized, blocks, log }: Restored): VoterState {
  const state = createVoterState(config)
  if (finalized) {
    state.finalized = finalized
    state.blocks.clear()
    state.blocks.set(finalized.block.hash, finalized.block)
    state.finalization = finalized.certificate
    state.view = finalized.view + 1
    state.entry = finalized.certificate
    state.finished = finalized.block.height >= config.heightLast
  }
  for (const block of blocks) if (block.height > state.finalized.block.height) state.blocks.set(block.hash, block)
  for (const record of log) replay(state, record)
  forgetSettled(state)
  return state
}

function replay(state: VoterState, record: LogRecord): void {
  const { kind, view } = record.type === 'vote' ? record.ballot : record.certificate.ballot
  if (view <= state.finalized.view) return
  const entry = viewState(state, view)
  if (record.type === 'vote') {
    assert(entry.said[kind] === undefined, 'the log holds two votes of one kind in one view')
    entry.said[kind] = record.ballot
    // A view in which we voted was entered before; its entry certificate may be beyond the end of the log.
    if (kind !== 'finalize' && view > state.view) state.view = view
    return
  }
  entry.certificates[kind] = record.certificate
  if (kind === 'finalize' && view > (state.finalization?.ballot.view ?? 0)) state.finalization = record.certificate
  if (kind !== 'notarize' && view >= state.view) {
    state.view = view + 1
    state.entry = record.certificate
  }
}
