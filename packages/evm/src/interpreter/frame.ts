import type { Code } from './code.ts'
import { EMPTY, Memory } from './memory.ts'
import type { Mark } from './substate.ts'

/** How a run of a frame came to its end. */
export const ENDED = 0
export const REVERTED = 1
/** All gas is gone; the machine's `fault` says why. */
export const FAILED = 2
/** A frame was put on top; this one goes on when it is done. */
export const CALLED = 3
/** The event loop is due, or the machine waits for `loading`. */
export const PAUSED = 4
/** The operation is done and its frame goes on. */
export const NEXT = 5
export type Exit = typeof ENDED | typeof REVERTED | typeof FAILED | typeof CALLED | typeof PAUSED | typeof NEXT

/** Inside a block whose gas and stack were checked at its start. */
export const RUN = 0
/** At the start of a block. */
export const BLOCK = 1
/** Operation by operation: for step hooks, and to find where a block that cannot finish fails. */
export const PRECISE = 2
/** As `RUN` or `PRECISE`, but what the operation costs at least is paid. */
export const RESUME_RUN = 3
export const RESUME_PRECISE = 4
export type Mode = typeof RUN | typeof BLOCK | typeof PRECISE | typeof RESUME_RUN | typeof RESUME_PRECISE

const STACK_LIMBS = 1_024 * 8

/** One level of the call stack. Frames are kept by depth and filled anew, so that a call allocates little. */
export class Frame {
  readonly depth: number
  readonly stack = new Int32Array(STACK_LIMBS)
  readonly memory = new Memory()
  code: Code = NO_CODE
  mode: Mode = BLOCK
  pc = 0
  /** Limb index behind the top of the stack. */
  sp = 0
  gas = 0
  /** Gas at the start. */
  gasGiven = 0
  /** State keys: whose storage and balance, and who called. */
  address = ''
  caller = ''
  value = 0n
  input: Uint8Array = EMPTY
  /** What the last call returned (EIP-211). */
  returned: Uint8Array = EMPTY
  output: Uint8Array = EMPTY
  isStatic = false
  isCreation = false
  /** Where the caller wants the output. */
  outputAt = 0
  outputLength = 0
  mark: Mark = { entries: 0, logs: 0, refund: 0 }

  constructor(depth: number) {
    this.depth = depth
  }
}

const NO_CODE: Code = {
  bytes: new Uint8Array(33),
  length: 0,
  blockAt: new Int32Array([3]),
  blocks: new Int32Array([0, 0, 0, 0, 0, 0]),
}
