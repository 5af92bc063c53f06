import { opcodeName } from '../engine/opcodes.ts'
import { CALL, callMemoryEnd, callValueGas, delegateOf, readCall } from './call-ops.ts'
import { CREATE2, initCodeGas } from './create-ops.ts'
import type { Frame } from './frame.ts'
import {
  COLD_ACCOUNT_GAS,
  COLD_SLOT_GAS,
  COPY_WORD_GAS,
  EXP_BYTE_GAS,
  KECCAK_WORD_GAS,
  LOG_BYTE_GAS,
  NEW_ACCOUNT_GAS,
  SSTORE_SENTRY_GAS,
  STACK_NEEDED,
  STATIC_GAS,
} from './gas-table.ts'
import { hexOfKey } from './keys.ts'
import type { Machine } from './machine.ts'
import { isEmptyAccount, storeChange } from './state-ops.ts'
import * as word from './word.ts'

const SSTORE = 0x55

/** Tells the step hook what is about to happen, and what it will cost without the gas that a call gives away. */
export function emitStep(machine: Machine, frame: Frame, opcode: number): void {
  const { stack: s, sp, memory } = frame
  const stack: bigint[] = []
  for (let at = 0; at < sp; at += 8) stack.push(word.toBigint(s, at))
  const enough = stack.length >= (STACK_NEEDED[opcode] as number)
  const cost = (STATIC_GAS[opcode] as number) + (enough ? dynamicGas(machine, frame, opcode) : 0)
  machine.hooks?.step?.({
    pc: frame.pc,
    code: opcode,
    name: opcodeName(opcode),
    gas: BigInt(frame.gas),
    cost: BigInt(Math.min(cost, Number.MAX_SAFE_INTEGER)),
    depth: frame.depth + 1,
    stack,
    memory: memory.bytes.subarray(0, memory.size),
    address: hexOfKey(frame.address),
    refund: BigInt(machine.substate.refund + (opcode === SSTORE && enough ? storeRefund(machine, frame) : 0)),
    static: frame.isStatic,
  })
}

/** The same prices that the operations charge, before anything has happened. */
function dynamicGas(machine: Machine, frame: Frame, opcode: number): number {
  const { stack: s, sp } = frame
  const top = (index: number): number => word.toNumber(s, sp - 8 - 8 * index)
  const words = (index: number): number => Math.ceil(top(index) / 32)
  switch (opcode) {
    case 0x0a:
      return EXP_BYTE_GAS * word.byteLength(s, sp - 16)
    case 0x20:
      return KECCAK_WORD_GAS * words(1) + memoryGas(frame, top(0), top(1))
    case 0x31:
    case 0x3b:
    case 0x3f:
      return coldAccountGas(machine, word.addressKey(s, sp - 8))
    case 0x3c:
      return coldAccountGas(machine, word.addressKey(s, sp - 8)) + COPY_WORD_GAS * words(3) + memoryGas(frame, top(1), top(3))
    case 0x37:
    case 0x39:
    case 0x3e:
      return COPY_WORD_GAS * words(2) + memoryGas(frame, top(0), top(2))
    case 0x51:
    case 0x52:
      return memoryGas(frame, top(0), 32)
    case 0x53:
      return memoryGas(frame, top(0), 1)
    case 0x54:
      return machine.substate.isWarmSlot(frame.address, word.slotKey(s, sp - 8)) ? 0 : COLD_SLOT_GAS
    case SSTORE:
      return storeGas(machine, frame)
    case 0x5e:
      return COPY_WORD_GAS * words(2) + memoryGas(frame, Math.max(top(0), top(1)), top(2))
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa3:
    case 0xa4:
      return LOG_BYTE_GAS * top(1) + memoryGas(frame, top(0), top(1))
    case 0xf0:
    case CREATE2:
      return initCodeGas(opcode, top(2)) + memoryGas(frame, top(1), top(2))
    case 0xf1:
    case 0xf2:
    case 0xf4:
    case 0xfa:
      return callGas(machine, frame, opcode)
    case 0xf3:
    case 0xfd:
      return memoryGas(frame, top(0), top(1))
    case 0xff:
      return selfDestructGas(machine, frame)
    default:
      return 0
  }
}

function memoryGas({ memory }: Frame, offset: number, length: number): number {
  return length === 0 || offset + length <= memory.size ? 0 : memory.costOf(offset + length)
}

function coldAccountGas({ substate }: Machine, address: string): number {
  return substate.isWarm(address) ? 0 : COLD_ACCOUNT_GAS
}

function storeGas(machine: Machine, frame: Frame): number {
  const slot = word.slotKey(frame.stack, frame.sp - 8)
  const cold = !machine.substate.isWarmSlot(frame.address, slot)
  return pendingChange(machine, frame, slot).gas + (cold ? COLD_SLOT_GAS + 100 : 0)
}

/** geth counts what a store gives back while it prices it, so its step shows that already. */
function storeRefund(machine: Machine, frame: Frame): number {
  if (frame.isStatic || frame.gas <= SSTORE_SENTRY_GAS) return 0
  return pendingChange(machine, frame, word.slotKey(frame.stack, frame.sp - 8)).refund
}

function pendingChange({ state }: Machine, { stack: s, sp, address }: Frame, slot: string): ReturnType<typeof storeChange> {
  const values = { current: state.storage(address, slot), original: state.originalStorage(address, slot) }
  return storeChange(s, sp - 16, values)
}

function callGas(machine: Machine, frame: Frame, opcode: number): number {
  const call = readCall(frame, opcode)
  const delegate = delegateOf(machine, call.to)
  const access =
    coldAccountGas(machine, call.to) +
    (delegate === undefined ? 0 : 100 + (delegate === call.to ? 0 : coldAccountGas(machine, delegate)))
  const value = opcode === CALL && frame.isStatic ? 0 : callValueGas(machine, opcode, call)
  return access + value + memoryGas(frame, 0, callMemoryEnd(call))
}

function selfDestructGas(machine: Machine, { stack: s, sp, address }: Frame): number {
  const heir = word.addressKey(s, sp - 8)
  const funds = (machine.state.account(address)?.balance ?? 0n) > 0n
  const comesIntoBeing = funds && isEmptyAccount(machine.state.account(heir))
  return (machine.substate.isWarm(heir) ? 0 : COLD_ACCOUNT_GAS + 100) + (comesIntoBeing ? NEW_ACCOUNT_GAS : 0)
}
