import { EVMError, type ExecResult } from '@ethereumjs/evm'
import { INITCODE_BYTES_MAX } from '../limits.ts'
import { opcodeName, stackItems } from './opcodes.ts'

/** geth's words for why a frame failed; undefined if it did not. */
export function errorText(result: ExecResult, initCodeBytes = 0): string | undefined {
  const error = result.exceptionError?.error
  if (error === undefined) return undefined
  const run = result.runState
  const { errorMessages: known } = EVMError
  // The library adds where it happened.
  if (error.startsWith(known.INVALID_JUMP)) return 'invalid jump destination'
  switch (error) {
    case known.REVERT:
      return 'execution reverted'
    case known.OUT_OF_GAS:
      return (result.gas ?? 0n) > 0n ? disguised(run?.opCode) : 'out of gas'
    case known.CODESTORE_OUT_OF_GAS:
      return 'contract creation code storage out of gas'
    case known.CODESIZE_EXCEEDS_MAXIMUM:
      return 'max code size exceeded'
    case known.STACK_UNDERFLOW:
      return `stack underflow (${run?.stack.length ?? 0} <=> ${stackItems(run?.opCode ?? 0).pops})`
    case known.STACK_OVERFLOW:
      return `stack limit reached ${run?.stack.length ?? 1024} (${1024 - stackItems(run?.opCode ?? 0).growth})`
    case known.INVALID_OPCODE:
      return `invalid opcode: ${opcodeName(run?.opCode ?? 0xfe)}`
    case known.OUT_OF_RANGE:
      return 'return data out of bounds'
    case known.STATIC_STATE_CHANGE:
      return 'write protection'
    case known.CREATE_COLLISION:
      return 'contract address collision'
    case known.INSUFFICIENT_BALANCE:
      return 'insufficient balance for transfer'
    case known.INVALID_BYTECODE_RESULT:
      return 'invalid code: must not begin with 0xef'
    case known.INITCODE_SIZE_VIOLATION:
      return `max initcode size exceeded: code size ${initCodeBytes} limit ${INITCODE_BYTES_MAX}`
    default:
      return error
  }
}

/** What the library calls a lack of gas although gas is left. */
function disguised(opcode: number | undefined): string {
  if (opcode === 0xf3) return 'contract creation code storage out of gas'
  return opcode === 0x3e ? 'return data out of bounds' : 'out of gas'
}
