import type { CallOutcome } from '@zerog/evm'
import { bytesToBigint, fromHex, type Hex } from '@zerog/primitives'
import { CODE, JsonRpcError, serverError } from './errors.ts'

/** What geth answers when a call fails: code 3 with the data it reverted with, else -32000 with the machine's text. */
export function callFailure(outcome: CallOutcome & { readonly error: string }): JsonRpcError {
  if (!isRevert(outcome)) return serverError(outcome.error)
  return new JsonRpcError(CODE.reverted, revertText(outcome.output), outcome.output)
}

export function isRevert(outcome: CallOutcome): boolean {
  return outcome.error?.startsWith('execution reverted') ?? false
}

/** `execution reverted`, with the reason where the data is Solidity's `Error(string)` or `Panic(uint256)`. */
export function revertText(output: Hex): string {
  const reason = revertReason(fromHex(output))
  return reason === undefined ? 'execution reverted' : `execution reverted: ${reason}`
}

const ERROR_SELECTOR = '0x08c379a0'
const PANIC_SELECTOR = '0x4e487b71'

function revertReason(output: Uint8Array): string | undefined {
  if (output.length < 36) return undefined
  const selector = `0x${Buffer.from(output.subarray(0, 4)).toString('hex')}`
  const payload = output.subarray(4)
  if (selector === PANIC_SELECTOR) return panicText(bytesToBigint(payload.subarray(0, 32)))
  return selector === ERROR_SELECTOR ? abiString(payload) : undefined
}

/** The one string of an ABI-encoded tuple, or undefined where the data does not hold one. */
function abiString(payload: Uint8Array): string | undefined {
  const offset = bytesToBigint(payload.subarray(0, 32))
  if (offset + 32n > BigInt(payload.length)) return undefined
  const start = Number(offset) + 32
  const length = bytesToBigint(payload.subarray(start - 32, start))
  if (BigInt(start) + length > BigInt(payload.length)) return undefined
  return new TextDecoder().decode(payload.subarray(start, start + Number(length)))
}

/** Solidity's panic codes in geth's words. */
const PANICS: ReadonlyMap<bigint, string> = new Map([
  [0x00n, 'generic panic'],
  [0x01n, 'assert(false)'],
  [0x11n, 'arithmetic underflow or overflow'],
  [0x12n, 'division or modulo by zero'],
  [0x21n, 'enum overflow'],
  [0x22n, 'invalid encoded storage byte array accessed'],
  [0x31n, 'out-of-bounds array access; popping on an empty array'],
  [0x32n, 'out-of-bounds access of an array or bytesN'],
  [0x41n, 'out of memory'],
  [0x51n, 'uninitialized function'],
])

function panicText(code: bigint): string {
  return PANICS.get(code) ?? `unknown panic code: 0x${code.toString(16)}`
}
