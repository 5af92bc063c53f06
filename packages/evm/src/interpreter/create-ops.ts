import { createAddress, createAddress2 } from '../codec/transaction.ts'
import { CODE_BYTES_MAX, INITCODE_BYTES_MAX } from '../limits.ts'
import { latin1 } from '../state/node-store.ts'
import { EMPTY_CODE_HASH, NEW_ACCOUNT } from '../state/world-state.ts'
import { EMPTY_ROOT } from '../trie/trie.ts'
import { DEPTH_MAX } from './call-ops.ts'
import { analyse } from './code.ts'
import {
  CODE_BEGINS_EF,
  CODE_SIZE,
  CODE_STORE_OUT_OF_GAS,
  COLLISION,
  DEPTH,
  fail,
  INSUFFICIENT_BALANCE,
  NONCE_OVERFLOW,
  OUT_OF_GAS,
  WRITE_PROTECTION,
} from './faults.ts'
import { BLOCK, CALLED, type Exit, type Frame, PRECISE } from './frame.ts'
import { CODE_BYTE_GAS, INITCODE_WORD_GAS, KECCAK_WORD_GAS } from './gas-table.ts'
import { bytesOfKey, hexOfKey } from './keys.ts'
import type { Machine } from './machine.ts'
import { EMPTY } from './memory.ts'
import * as word from './word.ts'

export const CREATE2 = 0xf5

/** What a creation begins with. `salt` is of CREATE2. */
export type Creation = {
  readonly caller: string
  readonly value: bigint
  readonly gas: number
  readonly code: Uint8Array
  readonly salt: Uint8Array | undefined
}

/** Gas by the words of the code: EIP-3860, and hashing it for CREATE2. */
export function initCodeGas(opcode: number, length: number): number {
  const words = Math.ceil(length / 32)
  return (opcode === CREATE2 ? KECCAK_WORD_GAS + INITCODE_WORD_GAS : INITCODE_WORD_GAS) * words
}

/** CREATE, CREATE2. Gas and stack are those of the frame object. */
export function createOp(machine: Machine, frame: Frame, opcode: number): Exit {
  const { stack: s, memory, sp } = frame
  if (frame.isStatic) return fail(machine, WRITE_PROTECTION)
  const offset = word.toNumber(s, sp - 16)
  const length = word.toNumber(s, sp - 24)
  if (length > INITCODE_BYTES_MAX) return fail(machine, initCodeTooLong(length))
  let gas = frame.gas - initCodeGas(opcode, length)
  gas -= memory.reach(offset, length, gas)
  if (gas < 0) return fail(machine, OUT_OF_GAS)
  const given = gas - Math.floor(gas / 64)
  frame.gas = gas - given
  let salt: Uint8Array | undefined
  if (opcode === CREATE2) {
    salt = new Uint8Array(32)
    word.writeBytes(s, sp - 32, salt)
  }
  frame.sp = opcode === CREATE2 ? sp - 32 : sp - 24
  frame.returned = EMPTY
  return enterCreation(machine, frame, {
    caller: frame.address,
    value: word.toBigint(s, sp - 8),
    gas: given,
    code: machine.view(memory, offset, length),
    salt,
  })
}

function initCodeTooLong(length: number): string {
  return `max initcode size exceeded: code size ${length} limit ${INITCODE_BYTES_MAX}`
}

/** Opens a frame for a creation. Without `parent` it is the transaction's own, whose nonce was counted before. */
export function enterCreation(machine: Machine, parent: Frame | undefined, creation: Creation): Exit {
  const { state, substate, hooks } = machine
  const { caller, value, gas, salt } = creation
  const depth = parent === undefined ? 0 : parent.depth + 1
  hooks?.enter?.({
    type: salt === undefined ? 'CREATE' : 'CREATE2',
    depth,
    from: hexOfKey(caller),
    to: undefined,
    value,
    gas: BigInt(gas),
    input: creation.code,
  })
  const creator = state.account(caller) ?? NEW_ACCOUNT
  const refused =
    depth > DEPTH_MAX
      ? DEPTH
      : creator.balance < value
        ? INSUFFICIENT_BALANCE
        : parent !== undefined && creator.nonce === U64_MAX
          ? NONCE_OVERFLOW
          : undefined
  if (refused !== undefined) return machine.answerCreation(parent, creation, { fault: refused, gasLeft: gas, output: EMPTY })
  const nonce = parent === undefined ? creator.nonce - 1n : creator.nonce
  if (parent !== undefined) state.putAccount(caller, { ...creator, nonce: creator.nonce + 1n })
  const from = bytesOfKey(caller)
  const address = latin1(salt === undefined ? createAddress(from, nonce) : createAddress2(from, salt, creation.code))
  // Warm whatever becomes of the creation (EIP-2929).
  substate.warm(address)
  const there = state.account(address) ?? NEW_ACCOUNT
  // EIP-684 and EIP-7610: neither code nor a nonce nor storage may be in the way.
  if (there.nonce > 0n || there.codeHash !== EMPTY_CODE_HASH || there.storageRoot !== EMPTY_ROOT) {
    return machine.answerCreation(parent, creation, { fault: COLLISION, gasLeft: 0, output: EMPTY })
  }
  const mark = substate.mark()
  state.checkpoint()
  substate.create(address)
  const paying = state.account(caller) ?? NEW_ACCOUNT
  if (value > 0n) state.putAccount(caller, { ...paying, balance: paying.balance - value })
  state.putAccount(address, { ...there, nonce: 1n, balance: there.balance + value })
  const frame = machine.push(depth)
  frame.code = analyse(creation.code)
  frame.mode = hooks?.step === undefined ? BLOCK : PRECISE
  frame.gas = gas
  frame.gasGiven = gas
  frame.address = address
  frame.caller = caller
  frame.value = value
  frame.input = EMPTY
  frame.isStatic = false
  frame.isCreation = true
  frame.mark = mark
  return CALLED
}

const U64_MAX = (1n << 64n) - 1n

/** Stores the code that a creation returned. Returns why that fails, which takes all of its gas. */
export function depositCode({ state }: Machine, frame: Frame): string | undefined {
  const { output: code, address } = frame
  if (code.length > CODE_BYTES_MAX) return CODE_SIZE
  if (code[0] === 0xef) return CODE_BEGINS_EF
  const gas = frame.gas - CODE_BYTE_GAS * code.length
  if (gas < 0) return CODE_STORE_OUT_OF_GAS
  frame.gas = gas
  if (code.length > 0) state.putCode(address, code)
  return undefined
}
