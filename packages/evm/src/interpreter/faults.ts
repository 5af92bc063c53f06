import { opcodeName, stackItems } from '../engine/opcodes.ts'
import { FAILED, type Frame } from './frame.ts'
import { DEFINED, STATIC_GAS } from './gas-table.ts'
import type { Machine } from './machine.ts'

// geth's words (core/vm/errors.go) for why a frame fails.

export const OUT_OF_GAS = 'out of gas'
export const INVALID_JUMP = 'invalid jump destination'
export const WRITE_PROTECTION = 'write protection'
export const RETURN_DATA_OUT_OF_BOUNDS = 'return data out of bounds'
export const DEPTH = 'max call depth exceeded'
export const INSUFFICIENT_BALANCE = 'insufficient balance for transfer'
export const COLLISION = 'contract address collision'
export const NONCE_OVERFLOW = 'nonce uint64 overflow'
export const CODE_SIZE = 'max code size exceeded'
export const CODE_BEGINS_EF = 'invalid code: must not begin with 0xef'
export const CODE_STORE_OUT_OF_GAS = 'contract creation code storage out of gas'
export const REVERT = 'execution reverted'

export function fail(machine: Machine, fault: string): typeof FAILED {
  machine.fault = fault
  return FAILED
}

export function undefinedOperation(opcode: number): string {
  return `invalid opcode: ${opcodeName(opcode)}`
}

/** What is checked before an operation, in geth's order. Returns the gas left behind its static price, or -1 with the fault set. */
export function checkOperation(machine: Machine, frame: Frame, opcode: number): number {
  if (DEFINED[opcode] === 1) {
    const items = frame.sp / 8
    const { pops, growth } = stackItems(opcode)
    if (items < pops) return faulty(machine, `stack underflow (${items} <=> ${pops})`)
    if (items + growth > STACK_ITEMS_MAX) {
      return faulty(machine, `stack limit reached ${items} (${STACK_ITEMS_MAX - growth})`)
    }
  }
  const gas = frame.gas - (STATIC_GAS[opcode] as number)
  return gas < 0 ? faulty(machine, OUT_OF_GAS) : gas
}

/** For operations that return the gas that is left: none is. */
export function faulty(machine: Machine, fault: string): -1 {
  machine.fault = fault
  return -1
}

const STACK_ITEMS_MAX = 1_024
