import { toHex } from '@zerog/primitives'
import { type AccountRecord, EMPTY_CODE_HASH, NEW_ACCOUNT } from '../state/world-state.ts'
import { faulty, OUT_OF_GAS, WRITE_PROTECTION } from './faults.ts'
import type { Frame } from './frame.ts'
import {
  COLD_ACCOUNT_GAS,
  COLD_SLOT_GAS,
  COPY_WORD_GAS,
  LOG_BYTE_GAS,
  NEW_ACCOUNT_GAS,
  SSTORE_CLEAR_REFUND,
  SSTORE_SENTRY_GAS,
} from './gas-table.ts'
import { hexOfKey } from './keys.ts'
import type { Machine } from './machine.ts'
import { EMPTY } from './memory.ts'
import * as word from './word.ts'

/** EIP-161: no nonce, no funds, no code. */
export function isEmptyAccount(account: AccountRecord | undefined): boolean {
  return account === undefined || (account.nonce === 0n && account.balance === 0n && account.codeHash === EMPTY_CODE_HASH)
}

/** Makes an account warm; returns what that costs beyond a warm access (EIP-2929). */
export function warmAccountGas({ substate }: Machine, address: string): number {
  return substate.warm(address) ? COLD_ACCOUNT_GAS : 0
}

export function codeOf({ state }: Machine, address: string): Uint8Array {
  const account = state.account(address)
  return account === undefined ? EMPTY : state.code(account.codeHash)
}

/** EIP-1052: zero for an account that does not exist or is empty. */
export function pushCodeHash({ state }: Machine, s: Int32Array, at: number): void {
  const account = state.account(word.addressKey(s, at))
  if (account === undefined || isEmptyAccount(account)) word.setSmall(s, at, 0)
  else word.setBytes(s, at, account.codeHash, 0, 32)
}

/** One of the last 256 blocks, else zero. */
export function pushBlockHash({ environment }: Machine, s: Int32Array, at: number): void {
  const height = word.toBigint(s, at)
  const known = height < environment.height && height + 256n >= environment.height
  if (known) word.setBytes(s, at, environment.blockHash(height), 0, 32)
  else word.setSmall(s, at, 0)
}

/** CALLDATACOPY, CODECOPY, EXTCODECOPY, RETURNDATACOPY. Returns what it costs; where that is more than `gas`, nothing is copied. */
export function copyOp({ stack: s, memory }: Frame, sp: number, source: Uint8Array, gas: number): number {
  const to = word.toNumber(s, sp - 8)
  const from = word.toNumber(s, sp - 16)
  const length = word.toNumber(s, sp - 24)
  const words = COPY_WORD_GAS * Math.ceil(length / 32)
  const cost = words + memory.reach(to, length, gas - words)
  if (length > 0 && cost <= gas) memory.copy(to, source, { from, length })
  return cost
}

/** SSTORE (EIP-2200, 2929, 3529). Returns the gas that is left. */
export function storeOp(machine: Machine, frame: Frame, gas: number): number {
  const { state, substate } = machine
  const { stack: s, sp, address } = frame
  if (frame.isStatic) return faulty(machine, WRITE_PROTECTION)
  if (gas <= SSTORE_SENTRY_GAS) return faulty(machine, OUT_OF_GAS)
  const slot = word.slotKey(s, sp - 8)
  let left = gas
  // A cold slot costs 100 more than a cold load's surcharge, since nothing static was paid.
  if (substate.warmSlot(address, slot)) left -= COLD_SLOT_GAS + 100
  const current = state.storage(address, slot)
  const original = state.originalStorage(address, slot)
  const change = storeChange(s, sp - 16, { current, original })
  left -= change.gas
  if (left < 0) return faulty(machine, OUT_OF_GAS)
  substate.refund += change.refund
  if (change.differs) state.putStorage(address, slot, word.toStripped(s, sp - 16))
  return left
}

/** What a new value of a slot costs, beside a cold access, and gives back. */
export function storeChange(
  s: Int32Array,
  at: number,
  { current, original }: { readonly current: Uint8Array; readonly original: Uint8Array },
): { readonly gas: number; readonly refund: number; readonly differs: boolean } {
  word.setBytes(compared, 0, current)
  word.setBytes(compared, 8, original)
  if (equals(s, at, 0)) return UNCHANGED
  const clears = word.isZero(s, at)
  if (word.isEqual(compared, 0, 8)) {
    if (original.length === 0) return CREATED
    return clears ? CLEARED : CHANGED
  }
  let refund = 0
  if (original.length > 0) {
    if (current.length === 0) refund -= SSTORE_CLEAR_REFUND
    else if (clears) refund += SSTORE_CLEAR_REFUND
  }
  if (equals(s, at, 8)) refund += original.length === 0 ? 19_900 : 2_800
  return { gas: 100, refund, differs: true }
}

const UNCHANGED = { gas: 100, refund: 0, differs: false }
const CREATED = { gas: 20_000, refund: 0, differs: true }
const CHANGED = { gas: 2_900, refund: 0, differs: true }
const CLEARED = { gas: 2_900, refund: SSTORE_CLEAR_REFUND, differs: true }

/** The current and the original value. */
const compared = new Int32Array(16)

function equals(s: Int32Array, at: number, index: number): boolean {
  for (let i = 0; i < 8; i++) if (s[at + i] !== compared[index + i]) return false
  return true
}

/** Returns false, with the fault, in a static frame. */
export function transientStoreOp(machine: Machine, { stack: s, sp, address, isStatic }: Frame): boolean {
  if (isStatic) {
    machine.fault = WRITE_PROTECTION
    return false
  }
  machine.substate.putTransient(address, word.slotKey(s, sp - 8), s.slice(sp - 16, sp - 8))
  return true
}

/** LOG0 to LOG4. Returns the gas that is left. */
export function logOp(
  machine: Machine,
  { stack: s, sp, memory, address, isStatic }: Frame,
  { gas, topicCount }: { readonly gas: number; readonly topicCount: number },
): number {
  if (isStatic) return faulty(machine, WRITE_PROTECTION)
  const offset = word.toNumber(s, sp - 8)
  const length = word.toNumber(s, sp - 16)
  let left = gas - LOG_BYTE_GAS * length
  left -= memory.reach(offset, length, left)
  if (left < 0) return faulty(machine, OUT_OF_GAS)
  const topics = Array.from({ length: topicCount }, (_, index) => {
    const topic = new Uint8Array(32)
    word.writeBytes(s, sp - 24 - 8 * index, topic)
    return toHex(topic)
  })
  const data = length === 0 ? '0x' : toHex(memory.bytes.subarray(offset, offset + length))
  machine.substate.logs.push({ address: hexOfKey(address), topics, data })
  return left
}

/** SELFDESTRUCT (EIP-6780): the funds leave; the account goes only if this transaction made it. Returns the gas that is left. */
export function selfDestructOp(machine: Machine, frame: Frame, gas: number): number {
  const { state, substate, hooks } = machine
  const { address, stack: s, sp } = frame
  if (frame.isStatic) return faulty(machine, WRITE_PROTECTION)
  const heir = word.addressKey(s, sp - 8)
  const account = state.account(address) ?? NEW_ACCOUNT
  const { balance } = account
  let left = gas
  if (substate.warm(heir)) left -= COLD_ACCOUNT_GAS + 100
  if (balance > 0n && isEmptyAccount(state.account(heir))) left -= NEW_ACCOUNT_GAS
  if (left < 0) return faulty(machine, OUT_OF_GAS)
  if (hooks !== undefined) {
    const from = hexOfKey(address)
    hooks.enter?.({
      type: 'SELFDESTRUCT',
      depth: frame.depth + 1,
      from,
      to: hexOfKey(heir),
      value: balance,
      gas: 0n,
      input: EMPTY,
    })
    hooks.exit?.({ output: EMPTY, gasUsed: 0n, error: undefined, created: undefined })
  }
  const goes = substate.created.has(address)
  if (heir !== address) {
    state.putAccount(address, { ...account, balance: 0n })
    const receiver = state.account(heir)
    if (balance > 0n) state.putAccount(heir, { ...(receiver ?? NEW_ACCOUNT), balance: (receiver?.balance ?? 0n) + balance })
    else if (receiver !== undefined) touchEmpty(machine, heir)
  } else if (goes) state.putAccount(address, { ...account, balance: 0n })
  if (goes) substate.destroy(address)
  return left
}

/** EIP-161: an empty account that is touched goes at the end of the transaction. */
export function touchEmpty({ state, substate }: Machine, address: string): void {
  const account = state.account(address)
  if (account !== undefined && isEmptyAccount(account)) substate.touch(address)
}
