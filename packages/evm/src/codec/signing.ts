import { KECCAK_SCRATCH_BYTES, keccakScratch } from '@zerog/kernels'
import { RlpCursor } from './cursor.ts'
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
  if (!cursor.open(raw, 1)) return false
  const first = cursor.from
  for (let field = 0; field < SIGNED_FIELDS[type]; field++) if (!cursor.next()) return false
  const { end } = cursor
  if (!cursor.next()) return false
  const length = cursor.end - cursor.from
  const parity = length === 0 ? 0 : raw[cursor.from]
  if (length > 1 || (parity !== 0 && parity !== 1)) return false
  out[96] = parity
  return writeSignature(raw, out) && writeHash({ raw, from: first, end, more: NOTHING, type }, out)
}

function writeLegacy(raw: Uint8Array, out: Uint8Array): boolean {
  if (!cursor.open(raw, 0)) return false
  const first = cursor.from
  for (let field = 0; field < 6; field++) if (!cursor.next()) return false
  const { end } = cursor
  // A v of more than 6 bytes is of no chain that we serve; the decoder judges it.
  if (!cursor.next() || cursor.end - cursor.from > 6) return false
  let value = 0
  for (let index = cursor.from; index < cursor.end; index++) value = value * 256 + (raw[index] as number)
  const guarded = value >= 35
  if (!guarded && value !== 27 && value !== 28) return false
  out[96] = guarded ? (value - 35) % 2 : value - 27
  const more = guarded ? replayGuard(Math.floor((value - 35) / 2)) : NOTHING
  return writeSignature(raw, out) && writeHash({ raw, from: first, end, more, type: undefined }, out)
}

const cursor = new RlpCursor()

/** The last two items, r and s. */
function writeSignature(raw: Uint8Array, out: Uint8Array): boolean {
  for (let at = 32; at < 96; at += 32) {
    if (!cursor.next()) return false
    const { from, end } = cursor
    if (end - from > 32) return false
    out.fill(0, at, at + 32 - (end - from))
    for (let index = from, to = at + 32 - (end - from); index < end; index++, to++) out[to] = raw[index] as number
  }
  return cursor.isDone
}

const NOTHING = new Uint8Array(0)

/** EIP-155: chain id, 0, 0 as list items. */
function replayGuard(chainId: number): Uint8Array {
  const digits = rlpInteger(BigInt(chainId))
  const single = digits.length === 1 && (digits[0] as number) < 0x80
  return Uint8Array.from([...(single ? [] : [0x80 + digits.length]), ...digits, 0x80, 0x80])
}

type Signed = {
  readonly raw: Uint8Array
  readonly from: number
  readonly end: number
  readonly more: Uint8Array
  readonly type: number | undefined
}

const scratch = keccakScratch()

/** Hashes the RLP list of the items from `from` to `end` and of `more`, after the type byte if there is one. */
function writeHash({ raw, from, end, more, type }: Signed, out: Uint8Array): boolean {
  const payload = end - from + more.length
  if (payload + LIST_HEAD_BYTES_MAX > KECCAK_SCRATCH_BYTES) return false
  const { bytes } = scratch
  let at = scratch.from
  if (type !== undefined) bytes[at++] = type
  if (payload < 56) bytes[at++] = 0xc0 + payload
  else {
    const length = payload < 0x100 ? 1 : payload < 0x10000 ? 2 : 3
    bytes[at++] = 0xf7 + length
    for (let shift = 8 * (length - 1); shift >= 0; shift -= 8) bytes[at++] = (payload >>> shift) & 0xff
  }
  bytes.set(raw.subarray(from, end), at)
  at += end - from
  bytes.set(more, at)
  scratch.digest(at + more.length - scratch.from, out, 0)
  return true
}

/** Type byte and head of a list below 16 MiB. */
const LIST_HEAD_BYTES_MAX = 5
