import { type Hex, toHex } from '@zerog/primitives'
import type { Transaction } from '../executor.ts'
import { RlpCursor } from './cursor.ts'
import { keccakHex } from './keccak.ts'
import { bytesToInteger } from './rlp.ts'

/**
 * Reads the transaction that nearly all are: type 2 without an access list, its sender known. In place, so without an array for each
 * field. undefined for everything else and for whatever is not canonical: `decodeTransaction` then reads it, or says what is wrong.
 */
export function readUsual(raw: Uint8Array, from: Hex): Transaction | undefined {
  if (!cursor.open(raw, 1)) return undefined
  const chainId = integer(raw, 32)
  const nonce = integer(raw, 8)
  const maxPriorityFeePerGas = integer(raw, 32)
  const maxFeePerGas = integer(raw, 32)
  const gasLimit = integer(raw, 8)
  const to = bytes(raw)
  const value = integer(raw, 32)
  const data = bytes(raw)
  if (!cursor.next() || !cursor.isList || cursor.end !== cursor.from) return undefined
  const v = integer(raw, 1)
  const r = integer(raw, 32)
  const s = integer(raw, 32)
  if (!cursor.isDone || to === undefined || (to.length !== 20 && to.length !== 0) || data === undefined) return undefined
  if (chainId === undefined || nonce === undefined || maxPriorityFeePerGas === undefined || maxFeePerGas === undefined)
    return undefined
  if (gasLimit === undefined || value === undefined || v === undefined || r === undefined || s === undefined) return undefined
  return {
    accessList: NOTHING_LISTED,
    authorizationList: undefined,
    blobVersionedHashes: undefined,
    maxFeePerBlobGas: undefined,
    hash: keccakHex(raw),
    raw,
    type: 2,
    chainId,
    from,
    to: to.length === 0 ? null : toHex(to),
    nonce,
    gasLimit,
    value,
    data: data.length === 0 ? '0x' : toHex(data),
    gasPrice: undefined,
    maxFeePerGas,
    maxPriorityFeePerGas,
    v,
    r,
    s,
  }
}

const cursor = new RlpCursor()
const NOTHING_LISTED: Transaction['accessList'] = []

/** undefined where there is none, and where it is too long or has a leading zero. */
function integer(raw: Uint8Array, bytesMax: number): bigint | undefined {
  if (!cursor.next() || cursor.isList) return undefined
  const { from, end } = cursor
  if (end - from > bytesMax || (end > from && raw[from] === 0)) return undefined
  return bytesToInteger(raw, from, end)
}

function bytes(raw: Uint8Array): Uint8Array | undefined {
  return cursor.next() && !cursor.isList ? raw.subarray(cursor.from, cursor.end) : undefined
}
