import { delegationOf } from '../engine/delegation.ts'
import { latin1 } from '../state/node-store.ts'
import { NEW_ACCOUNT } from '../state/world-state.ts'
import type { Code } from './code.ts'
import { DEPTH, fail, INSUFFICIENT_BALANCE, OUT_OF_GAS, WRITE_PROTECTION } from './faults.ts'
import { BLOCK, CALLED, type Exit, type Frame, PAUSED, PRECISE } from './frame.ts'
import { CALL_STIPEND, CALL_VALUE_GAS, NEW_ACCOUNT_GAS } from './gas-table.ts'
import { hexOfKey } from './keys.ts'
import type { Machine } from './machine.ts'
import { EMPTY } from './memory.ts'
import { codeOf, isEmptyAccount, touchEmpty, warmAccountGas } from './state-ops.ts'
import * as word from './word.ts'

export const CALL = 0xf1
export const CALLCODE = 0xf2
export const DELEGATECALL = 0xf4
export const STATICCALL = 0xfa

const TYPES: ReadonlyMap<number, string> = new Map([
  [CALL, 'CALL'],
  [CALLCODE, 'CALLCODE'],
  [DELEGATECALL, 'DELEGATECALL'],
  [STATICCALL, 'STATICCALL'],
])

/** Frames below the transaction's own. */
export const DEPTH_MAX = 1_024

/** A message call as the new frame sees it. Addresses are state keys. */
export type Call = {
  readonly opcode: number
  readonly caller: string
  /** Whose storage and balance. */
  readonly address: string
  readonly codeAddress: string
  readonly value: bigint
  readonly gas: number
  readonly input: Uint8Array
  readonly isStatic: boolean
  readonly outputAt: number
  readonly outputLength: number
}

/** Where the arguments of an opcode of the CALL family lie, and what it costs beside its static gas and what it gives away. */
export type CallArguments = {
  readonly to: string
  readonly hasValue: boolean
  /** Limb index of the last argument, where the result will stand. */
  readonly last: number
  readonly inputAt: number
  readonly inputLength: number
  readonly outputAt: number
  readonly outputLength: number
}

export function readCall({ stack: s, sp }: Frame, opcode: number): CallArguments {
  const takesValue = opcode === CALL || opcode === CALLCODE
  const at = takesValue ? sp - 32 : sp - 24
  return {
    to: word.addressKey(s, sp - 16),
    hasValue: takesValue && !word.isZero(s, sp - 24),
    last: at - 24,
    inputAt: word.toNumber(s, at),
    inputLength: word.toNumber(s, at - 8),
    outputAt: word.toNumber(s, at - 16),
    outputLength: word.toNumber(s, at - 24),
  }
}

/** End of the memory that input and output need. */
export function callMemoryEnd({ inputAt, inputLength, outputAt, outputLength }: CallArguments): number {
  return Math.max(inputLength === 0 ? 0 : inputAt + inputLength, outputLength === 0 ? 0 : outputAt + outputLength)
}

/** Surcharges for value: a transfer, and an account that comes into being. */
export function callValueGas({ state }: Machine, opcode: number, { to, hasValue }: CallArguments): number {
  if (!hasValue) return 0
  return CALL_VALUE_GAS + (opcode === CALL && isEmptyAccount(state.account(to)) ? NEW_ACCOUNT_GAS : 0)
}

/** The code that `address` delegates to (EIP-7702), as a state key. */
export function delegateOf(machine: Machine, address: string): string | undefined {
  if (!machine.rules.delegation) return undefined
  const target = delegationOf(codeOf(machine, address))
  return target && latin1(target)
}

/** CALL, CALLCODE, DELEGATECALL, STATICCALL. Gas and stack are those of the frame object. */
export function callOp(machine: Machine, frame: Frame, opcode: number): Exit {
  const { stack: s, memory } = frame
  const call = readCall(frame, opcode)
  if (machine.awaits(call.to)) return PAUSED
  if (frame.isStatic && opcode === CALL && call.hasValue) return fail(machine, WRITE_PROTECTION)
  let gas = frame.gas - warmAccountGas(machine, call.to) - callValueGas(machine, opcode, call)
  const delegate = delegateOf(machine, call.to)
  if (delegate !== undefined) gas -= 100 + warmAccountGas(machine, delegate)
  gas -= memory.reach(0, callMemoryEnd(call), gas)
  if (gas < 0) return fail(machine, OUT_OF_GAS)
  // All but one 64th (EIP-150).
  const given = Math.min(word.toNumber(s, frame.sp - 8), gas - Math.floor(gas / 64))
  frame.gas = gas - given
  const value = call.hasValue ? word.toBigint(s, frame.sp - 24) : 0n
  frame.sp = call.last
  frame.returned = EMPTY
  const keepsContext = opcode === DELEGATECALL || opcode === CALLCODE
  return enterCall(machine, frame, {
    opcode,
    caller: opcode === DELEGATECALL ? frame.caller : frame.address,
    address: keepsContext ? frame.address : call.to,
    codeAddress: call.to,
    value: opcode === DELEGATECALL ? frame.value : value,
    gas: given + (call.hasValue ? CALL_STIPEND : 0),
    input: machine.view(memory, call.inputAt, call.inputLength),
    isStatic: frame.isStatic || opcode === STATICCALL,
    outputAt: call.outputAt,
    outputLength: call.outputLength,
  })
}

/** Opens a frame for a call, or does it at once where no code runs. */
export function enterCall(machine: Machine, parent: Frame | undefined, call: Call): Exit {
  const { state, substate, hooks } = machine
  const { opcode, address, codeAddress, value, gas } = call
  const depth = parent === undefined ? 0 : parent.depth + 1
  if (hooks !== undefined) announce(machine, call, depth)
  const sends = value > 0n && (opcode === CALL || opcode === CALLCODE)
  const refused =
    depth > DEPTH_MAX ? DEPTH : sends && (state.account(call.caller)?.balance ?? 0n) < value ? INSUFFICIENT_BALANCE : undefined
  if (refused !== undefined) return machine.answer(parent, call, { fault: refused, gasLeft: gas, output: EMPTY })
  const mark = substate.mark()
  state.checkpoint()
  if (opcode === CALL && value > 0n) transfer(machine, call)
  else if (!(opcode === CALLCODE || opcode === DELEGATECALL)) touchEmpty(machine, address)
  const precompile = machine.precompiles.get(codeAddress)
  if (precompile !== undefined) {
    const cost = precompile.gas(call.input)
    const output = cost > gas ? OUT_OF_GAS : precompile.run(call.input)
    machine.ticks -= Math.floor(cost / 64)
    if (typeof output !== 'string') {
      state.commit()
      return machine.answer(parent, call, { fault: undefined, gasLeft: gas - cost, output })
    }
    state.revert()
    substate.revert(mark)
    return machine.answer(parent, call, { fault: output, gasLeft: 0, output: EMPTY })
  }
  const code = runnable(machine, codeAddress)
  if (code === undefined) {
    state.commit()
    return machine.answer(parent, call, { fault: undefined, gasLeft: gas, output: EMPTY })
  }
  const frame = machine.push(depth)
  frame.code = code
  frame.mode = hooks?.step === undefined ? BLOCK : PRECISE
  frame.gas = gas
  frame.gasGiven = gas
  frame.address = address
  frame.caller = call.caller
  frame.value = value
  frame.input = call.input
  frame.isStatic = call.isStatic
  frame.isCreation = false
  frame.outputAt = call.outputAt
  frame.outputLength = call.outputLength
  frame.mark = mark
  return CALLED
}

/** The code of an account, or the one that it delegates to; undefined where nothing runs. */
function runnable(machine: Machine, address: string): Code | undefined {
  const { state } = machine
  const from = delegateOf(machine, address) ?? address
  const hash = state.account(from)?.codeHash
  if (hash === undefined || hash === NEW_ACCOUNT.codeHash) return undefined
  return machine.codes(hash, state.code)
}

function transfer({ state }: Machine, { caller, address, value }: Call): void {
  const sender = state.account(caller) ?? NEW_ACCOUNT
  state.putAccount(caller, { ...sender, balance: sender.balance - value })
  const receiver = state.account(address) ?? NEW_ACCOUNT
  state.putAccount(address, { ...receiver, balance: receiver.balance + value })
}

function announce({ hooks }: Machine, { opcode, caller, address, codeAddress, value, gas, input }: Call, depth: number): void {
  hooks?.enter?.({
    type: TYPES.get(opcode) ?? 'CALL',
    depth,
    // geth shows the contract that delegates, not its caller.
    from: hexOfKey(opcode === DELEGATECALL ? address : caller),
    to: hexOfKey(codeAddress),
    value: opcode === STATICCALL ? undefined : value,
    gas: BigInt(gas),
    input,
  })
}
