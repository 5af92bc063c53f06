import type { Hex } from '@zerog/primitives'
import type { WorldState } from '../state/world-state.ts'
import type { Hooks } from '../tracers/hooks.ts'
import { CALL, type Call, delegateOf, enterCall } from './call-ops.ts'
import type { CodeCache } from './code.ts'
import { type Creation, depositCode, enterCreation } from './create-ops.ts'
import { execute } from './execute.ts'
import { REVERT } from './faults.ts'
import { CALLED, ENDED, type Exit, Frame, NEXT, PAUSED, REVERTED } from './frame.ts'
import { hexOfKey } from './keys.ts'
import { EMPTY, type Memory } from './memory.ts'
import type { Precompiles } from './precompiles/precompile.ts'
import type { Rules } from './rules.ts'
import { isEmptyAccount } from './state-ops.ts'
import { Substate } from './substate.ts'
import * as word from './word.ts'

/** What code can ask about the block and the transaction. Addresses are state keys. */
export type RunEnvironment = {
  readonly origin: string
  readonly gasPrice: bigint
  readonly chainId: bigint
  readonly height: bigint
  readonly timestampSeconds: bigint
  readonly gasLimit: bigint
  readonly baseFeePerGas: bigint
  readonly beneficiary: string
  readonly prevRandao: Uint8Array
  /** Of one of the last 256 blocks. */
  readonly blockHash: (height: bigint) => Uint8Array
  /** EIP-4844, EIP-7516: of the block and of the transaction. */
  readonly blobBaseFee: bigint
  readonly blobHashes: readonly Hex[]
}

/** How a message ended. */
export type Outcome = { readonly fault: string | undefined; readonly gasLeft: number; readonly output: Uint8Array }

export type MachineOptions = {
  readonly state: WorldState
  readonly rules: Rules
  readonly precompiles: Precompiles
  readonly codes: CodeCache
}

/**
 * The interpreter: a stack of frames that runs without recursion, so that it can stop between two operations and go on later. One
 * message at a time; a machine that was left in the middle is not used again.
 */
export class Machine {
  readonly state: WorldState
  readonly rules: Rules
  readonly precompiles: Precompiles
  readonly codes: CodeCache
  readonly substate: Substate
  environment: RunEnvironment = NO_ENVIRONMENT
  hooks: Hooks | undefined
  /** Why the last frame failed. */
  fault = ''
  /** Jumps and the like until the clock is looked at. */
  ticks = TICKS
  /** What must be loaded before the run can go on. */
  loading: Promise<void> | undefined
  outcome: Outcome | undefined
  #frames: Frame[] = []
  #top = -1
  #deadlineMs = 0

  constructor({ state, rules, precompiles, codes }: MachineOptions) {
    this.state = state
    this.rules = rules
    this.precompiles = precompiles
    this.codes = codes
    this.substate = new Substate(precompiles)
  }

  /** Begins a message call from outside. Its code address is warm, and what that delegates to. */
  startCall(call: Omit<Call, 'opcode' | 'codeAddress' | 'isStatic' | 'outputAt' | 'outputLength'>): void {
    this.outcome = undefined
    const delegate = delegateOf(this, call.address)
    if (delegate !== undefined) this.substate.warm(delegate)
    enterCall(this, undefined, {
      ...call,
      opcode: CALL,
      codeAddress: call.address,
      isStatic: false,
      outputAt: 0,
      outputLength: 0,
    })
  }

  startCreation(creation: Omit<Creation, 'salt'>): void {
    this.outcome = undefined
    enterCreation(this, undefined, { ...creation, salt: undefined })
  }

  /** Runs until the message is done, which is true, or a pause is due: by the clock, or because something must be loaded. */
  run(deadlineMs: number): boolean {
    this.#deadlineMs = deadlineMs
    while (this.#top >= 0) {
      const frame = this.#frames[this.#top] as Frame // top is below the length
      const exit = execute(this, frame)
      if (exit === PAUSED) return false
      if (exit !== CALLED) this.#finish(frame, exit)
    }
    if (this.#frames.length > FRAMES_KEPT) this.#frames.length = FRAMES_KEPT
    return true
  }

  isDue(): boolean {
    this.ticks = TICKS
    return performance.now() > this.#deadlineMs
  }

  /** Whether a precompile has to be loaded before it can be called; then `loading` says until when. */
  awaits(address: string): boolean {
    this.loading = this.precompiles.get(address)?.ready?.()
    return this.loading !== undefined
  }

  /** A frame of this depth on top, to be filled. */
  push(depth: number): Frame {
    this.#frames[depth] ??= new Frame(depth)
    const frame = this.#frames[depth]
    frame.pc = 0
    frame.sp = 0
    this.#top = depth
    return frame
  }

  /** A part of memory for the frame above. The one below stands still meanwhile, but a tracer may keep what it sees. */
  view(memory: Memory, offset: number, length: number): Uint8Array {
    if (length === 0) return EMPTY
    return this.hooks === undefined ? memory.bytes.subarray(offset, offset + length) : memory.slice(offset, length)
  }

  /** Gives the outcome of a call that opened no frame to its caller. */
  answer(parent: Frame | undefined, call: Call, outcome: Outcome): Exit {
    this.#tell(call.gas, outcome, undefined)
    this.#deliver(parent, call, outcome)
    return NEXT
  }

  /** The same for a creation that opened no frame. */
  answerCreation(parent: Frame | undefined, { gas }: Creation, outcome: Outcome): Exit {
    this.#tell(gas, outcome, undefined)
    this.#deliverCreation(parent, outcome, undefined)
    return NEXT
  }

  /** Empty accounts that were touched go (EIP-161). */
  sweep(): void {
    for (const address of this.substate.touched) {
      if (isEmptyAccount(this.state.account(address))) this.state.deleteAccount(address)
    }
  }

  #finish(frame: Frame, exit: Exit): void {
    let fault = exit === ENDED ? undefined : exit === REVERTED ? REVERT : this.fault
    if (frame.isCreation && exit === ENDED) fault = depositCode(this, frame)
    if (fault === undefined) this.state.commit()
    else {
      this.state.revert()
      this.substate.revert(frame.mark)
    }
    // Also code that was returned but not stored is gone with all the gas.
    const failed = fault !== undefined && exit !== REVERTED
    const outcome = failed ? { fault, gasLeft: 0, output: EMPTY } : { fault, gasLeft: frame.gas, output: frame.output }
    frame.memory.clear()
    // What a frame that waits refers to would stay in memory.
    frame.input = EMPTY
    frame.returned = EMPTY
    frame.output = EMPTY
    this.#top = frame.depth - 1
    const parent = this.#frames[frame.depth - 1]
    const created = frame.isCreation && fault === undefined ? frame.address : undefined
    this.#tell(frame.gasGiven, outcome, created)
    if (frame.isCreation) this.#deliverCreation(parent, outcome, created)
    else this.#deliver(parent, frame, outcome)
  }

  #tell(gasGiven: number, { fault, gasLeft, output }: Outcome, created: string | undefined): void {
    this.hooks?.exit?.({
      output,
      gasUsed: BigInt(gasGiven - gasLeft),
      error: fault,
      created: created === undefined ? undefined : hexOfKey(created),
    })
  }

  #deliver(
    parent: Frame | undefined,
    { outputAt, outputLength }: { readonly outputAt: number; readonly outputLength: number },
    outcome: Outcome,
  ): void {
    if (parent === undefined) {
      this.outcome = outcome
      return
    }
    const { fault, gasLeft, output } = outcome
    word.setSmall(parent.stack, parent.sp, fault === undefined ? 1 : 0)
    parent.sp += 8
    parent.gas += gasLeft
    parent.returned = output
    const length = Math.min(outputLength, output.length)
    if (length > 0) parent.memory.bytes.set(output.subarray(0, length), outputAt)
  }

  #deliverCreation(parent: Frame | undefined, outcome: Outcome, created: string | undefined): void {
    if (parent === undefined) {
      this.outcome = outcome
      return
    }
    if (created === undefined) word.setSmall(parent.stack, parent.sp, 0)
    else word.setKey(parent.stack, parent.sp, created)
    parent.sp += 8
    parent.gas += outcome.gasLeft
    // What a creation leaves is the code; only a revert has something to say.
    parent.returned = outcome.fault === REVERT ? outcome.output : EMPTY
  }
}

/** About a millisecond of jumps. */
const TICKS = 10_000
/** 32 KiB of stack each. */
const FRAMES_KEPT = 64

const NO_ENVIRONMENT: RunEnvironment = {
  origin: '',
  gasPrice: 0n,
  chainId: 0n,
  height: 0n,
  timestampSeconds: 0n,
  gasLimit: 0n,
  baseFeePerGas: 0n,
  beneficiary: '',
  prevRandao: new Uint8Array(32),
  blockHash: () => new Uint8Array(32),
  blobBaseFee: 1n,
  blobHashes: [],
}
