import { keccak256 } from './keccak.ts'
import { rlpInteger } from './rlp.ts'

/** Bytes of what recovery needs of one transaction: signing hash (32), r (32), s (32), parity (1). */
export const SIGNING_BYTES = 97

/** Fields of a typed transaction before the signature. */
export const SIGNED_FIELDS = { 1: 8, 2: 9, 3: 11, 4: 10 } as const

/**
 * Writes the 97 bytes that a transaction's sender is recovered from, without decoding it: what is signed is a slice of `raw`. False where
 * that cannot be told (malformed, blobs, no such type): `decodeTransaction` then says why. True promises nothing about the rest.
 */
export function writeSigning(raw: Uint8Array, out: Uint8Array): boolean {
  const first = raw[0]
  if (first === undefined) return false
  if (first >= 0xc0) return writeLegacy(raw, out)
  return first === 1 || first === 2 || first === 4 ? writeTyped(raw, first, out) : false
}

function writeTyped(raw: Uint8Array, type: 1 | 2 | 4, out: Uint8Array): boolean {
  const list = itemAt(raw, 1)
  if (list === undefined || list.end !== raw.length || (raw[1] as number) < 0xc0) return false
  let at = list.from
  for (let field = 0; field < SIGNED_FIELDS[type]; field++) {
    const item = itemAt(raw, at)
    if (item === undefined) return false
    at = item.end
  }
  const parity = itemAt(raw, at)
  const r = parity && itemAt(raw, parity.end)
  const s = r && itemAt(raw, r.end)
  if (parity === undefined || r === undefined || s === undefined || s.end !== list.end) return false
  const value = parity.end === parity.from ? 0 : raw[parity.from]
  if (parity.end - parity.from > 1 || (value !== 0 && value !== 1)) return false
  out.set(keccak256(listOf(raw.subarray(list.from, at), NOTHING, type)), 0)
  out[96] = value
  return writeNumber(raw, r, out.subarray(32, 64)) && writeNumber(raw, s, out.subarray(64, 96))
}

function writeLegacy(raw: Uint8Array, out: Uint8Array): boolean {
  const list = itemAt(raw, 0)
  if (list === undefined || list.end !== raw.length) return false
  let at = list.from
  for (let field = 0; field < 6; field++) {
    const item = itemAt(raw, at)
    if (item === undefined) return false
    at = item.end
  }
  const v = itemAt(raw, at)
  const r = v && itemAt(raw, v.end)
  const s = r && itemAt(raw, r.end)
  // A v of more than 6 bytes is of no chain that we serve; the decoder judges it.
  if (v === undefined || r === undefined || s === undefined || s.end !== list.end || v.end - v.from > 6) return false
  let value = 0
  for (let index = v.from; index < v.end; index++) value = value * 256 + (raw[index] as number)
  const guarded = value >= 35
  if (!guarded && value !== 27 && value !== 28) return false
  out[96] = guarded ? (value - 35) % 2 : value - 27
  const guard = guarded ? replayGuard(Math.floor((value - 35) / 2)) : NOTHING
  out.set(keccak256(listOf(raw.subarray(list.from, at), guard)), 0)
  return writeNumber(raw, r, out.subarray(32, 64)) && writeNumber(raw, s, out.subarray(64, 96))
}

const NOTHING = new Uint8Array(0)

/** EIP-155: chain id, 0, 0 as list items. */
function replayGuard(chainId: number): Uint8Array {
  const digits = rlpInteger(BigInt(chainId))
  const single = digits.length === 1 && (digits[0] as number) < 0x80
  return Uint8Array.from([...(single ? [] : [0x80 + digits.length]), ...digits, 0x80, 0x80])
}

/** The RLP list of two slices of items, after a type byte if there is one. */
function listOf(items: Uint8Array, more: Uint8Array, type?: number): Uint8Array {
  const payload = items.length + more.length
  const head: number[] = type === undefined ? [] : [type]
  if (payload < 56) head.push(0xc0 + payload)
  else {
    const length: number[] = []
    for (let rest = payload; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256)
    head.push(0xf7 + length.length, ...length)
  }
  const out = new Uint8Array(head.length + payload)
  out.set(head)
  out.set(items, head.length)
  out.set(more, head.length + items.length)
  return out
}

type Item = { readonly from: number; readonly end: number }

/** Where the content of the item at `at` begins and ends; undefined where the bytes end before. */
function itemAt(raw: Uint8Array, at: number): Item | undefined {
  const head = raw[at]
  if (head === undefined) return undefined
  if (head < 0x80) return { from: at, end: at + 1 }
  const short = head - (head >= 0xc0 ? 0xc0 : 0x80)
  let from = at + 1
  let length = short
  if (short >= 56) {
    const bytes = short - 55
    if (bytes > 4) return undefined
    length = 0
    for (let index = 0; index < bytes; index++) length = length * 256 + (raw[from + index] ?? 0)
    from += bytes
  }
  return from + length > raw.length ? undefined : { from, end: from + length }
}

/** Right-aligned into zeros. */
function writeNumber(raw: Uint8Array, { from, end }: Item, out: Uint8Array): boolean {
  if (end - from > out.length) return false
  out.fill(0, 0, out.length - (end - from))
  out.set(raw.subarray(from, end), out.length - (end - from))
  return true
}
