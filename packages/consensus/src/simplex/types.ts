import type { Hex } from '@zerog/primitives'

/** One attempt to agree on a block; starts at 1 in every epoch, below 2^53. View 0 is the epoch's anchor. */
export type View = number

/** Position in the epoch's validator list. */
export type ValidatorIndex = number

/** What the voter knows of a block. Whoever makes one from bytes computes `hash` from them. */
export type Block = { readonly hash: Hex; readonly parentHash: Hex; readonly height: number }

export const NO_BLOCK: Hex = `0x${'00'.repeat(32)}`

/**
 * What a vote says. notarize: "I received a valid block in this view", finalize: "this view's block is certified here and I never said
 * nullify", nullify: "this view shall have no finalized block" (its block and parent are empty).
 */
export type Ballot = {
  readonly kind: 'notarize' | 'nullify' | 'finalize'
  readonly view: View
  /** View of the parent block; 0 for nullify. */
  readonly parentView: View
  readonly blockHash: Hex
}

export type Vote = { readonly ballot: Ballot; readonly signer: ValidatorIndex; readonly signature: Uint8Array }

/** A quorum's votes for one ballot: an aggregate signature and who is in it, in ascending order. */
export type Certificate = { readonly ballot: Ballot; readonly signers: readonly ValidatorIndex[]; readonly signature: Uint8Array }

export type Message =
  /** The leader's block; its notarize vote authenticates it. */
  | { readonly type: 'proposal'; readonly block: Block; readonly vote: Vote }
  | { readonly type: 'vote'; readonly vote: Vote }
  | { readonly type: 'certificate'; readonly certificate: Certificate }
  /** Asks for any certificate of these views, and for these blocks with their ancestors above a height. */
  | { readonly type: 'request'; readonly views: readonly View[]; readonly blocks: readonly Hex[]; readonly heightAbove: number }
  /** An asked block and its ancestors, each the parent of the one before. */
  | { readonly type: 'blocks'; readonly blocks: readonly Block[] }

/**
 * What no honest validator signs. Two contradicting votes verify with the validator set alone; an invalid proposal is one vote and its
 * block, which whoever has the state checks again.
 */
export type Evidence =
  | { readonly type: 'conflicting_notarize'; readonly first: Vote; readonly second: Vote }
  | { readonly type: 'conflicting_finalize'; readonly first: Vote; readonly second: Vote }
  | { readonly type: 'nullify_and_finalize'; readonly nullify: Vote; readonly finalize: Vote }
  | { readonly type: 'invalid_proposal'; readonly vote: Vote; readonly block: Block }

/** The write-ahead log: what must survive a crash so that no second, different vote is ever sent. */
export type LogRecord =
  | { readonly type: 'vote'; readonly ballot: Ballot }
  | { readonly type: 'certificate'; readonly certificate: Certificate }

/** A final block and what proves it. */
export type Finalized = { readonly view: View; readonly block: Block; readonly certificate: Certificate }

export type Event =
  /** Once, after the log was replayed. */
  | { readonly type: 'started' }
  | { readonly type: 'time_passed' }
  | { readonly type: 'message_received'; readonly from: ValidatorIndex; readonly message: Message }
  /** Answers `build`. May come late; it is ignored when the view is over. */
  | { readonly type: 'block_built'; readonly view: View; readonly block: Block }
  /** Answers `check`. */
  | { readonly type: 'block_checked'; readonly view: View; readonly hash: Hex; readonly valid: boolean }
  /** Answers `certify`. `valid: false` only for a deterministic failure, the same at every honest validator. */
  | { readonly type: 'block_certified'; readonly view: View; readonly hash: Hex; readonly valid: boolean }
  /** Answers `synchronize`: the store holds everything up to this block, verified. */
  | { readonly type: 'synchronized'; readonly finalized: Finalized }

/**
 * What the voter wants done, in this order: an effect may start only when the `store` and `persist` effects before it are durable.
 */
export type Effect =
  | { readonly type: 'store'; readonly block: Block }
  | { readonly type: 'persist'; readonly record: LogRecord }
  | { readonly type: 'broadcast'; readonly message: Message }
  | { readonly type: 'send'; readonly to: ValidatorIndex; readonly message: Message }
  /** Make a block on `parent`. Nothing needs to come back while there is nothing to put into it. */
  | { readonly type: 'build'; readonly view: View; readonly parentView: View; readonly parent: Block }
  /** Static validity: header rules, randomness, transactions decode. No execution. */
  | { readonly type: 'check'; readonly view: View; readonly block: Block; readonly parent: Block }
  /** Execute the block (its ancestors first) and compare every root. */
  | { readonly type: 'certify'; readonly view: View; readonly block: Block }
  /** Blocks newly final, lowest first, to be stored at once; `certificate` finalizes the last. Each block is handed out once. */
  | { readonly type: 'finalized'; readonly blocks: readonly Block[]; readonly certificate: Certificate }
  /** Blocks that are not in memory any more, for the store to send: each with its ancestors above the height, `countMax` in all. */
  | {
      readonly type: 'serve'
      readonly to: ValidatorIndex
      readonly blocks: readonly Hex[]
      readonly heightAbove: number
      readonly countMax: number
    }
  /** Too far behind to fetch block by block: get what is final from a stream or snapshot. Repeated until it is answered. */
  | { readonly type: 'synchronize'; readonly certificate: Certificate }
  | { readonly type: 'report'; readonly evidence: Evidence }
  /** Records of views up to this one are not needed any more. */
  | { readonly type: 'truncate_log'; readonly view: View }
  /** Send `time_passed` at this time; replaces the timer before. */
  | { readonly type: 'set_timer'; readonly atMs: number }
  | { readonly type: 'epoch_finished'; readonly block: Block; readonly certificate: Certificate }
