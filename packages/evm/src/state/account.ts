import { equalBytes } from '@zerog/primitives'
import { keccak256 } from '../codec/keccak.ts'
import { rlpDecode, toBytes, toInteger, toList } from '../codec/rlp.ts'
import { EMPTY_ROOT } from '../trie/trie.ts'

export const EMPTY_CODE_HASH = keccak256(new Uint8Array(0))

/** Never changed in place. `storageRoot` is the one of the opened root; pending writes are in the storage area. */
export type AccountRecord = {
  readonly nonce: bigint
  readonly balance: bigint
  readonly storageRoot: Uint8Array
  readonly codeHash: Uint8Array
}

export const NEW_ACCOUNT: AccountRecord = { nonce: 0n, balance: 0n, storageRoot: EMPTY_ROOT, codeHash: EMPTY_CODE_HASH }

/** RLP of [nonce, balance, storageRoot, codeHash], in one pass: every transaction changes two or three accounts. */
export function encodeAccount({ nonce, balance, storageRoot, codeHash }: AccountRecord): Uint8Array {
  let at = writeInteger(balance, writeInteger(nonce, 2))
  at = writeHash(codeHash, writeHash(storageRoot, at))
  // Two hashes make the payload longer than 55 bytes, two integers no longer than 255.
  out[0] = 0xf8
  out[1] = at - 2
  return out.slice(0, at)
}

/** Throws INVALID_ARGUMENT for everything that is not such a record. */
export function decodeAccount(encoded: Uint8Array): AccountRecord {
  const nonceEnd = integerEnd(encoded, 2, 8)
  const balanceEnd = integerEnd(encoded, nonceEnd, 32)
  if (encoded[0] !== 0xf8 || encoded.length !== balanceEnd + 66 || encoded[1] !== encoded.length - 2) return decodeAny(encoded)
  if (encoded[balanceEnd] !== 0xa0 || encoded[balanceEnd + 33] !== 0xa0) return decodeAny(encoded)
  return {
    nonce: readInteger(encoded, 2, nonceEnd),
    balance: readInteger(encoded, nonceEnd, balanceEnd),
    // One object for each empty value makes the common comparisons pointer comparisons.
    storageRoot: hashAt(encoded, balanceEnd + 1, EMPTY_ROOT),
    codeHash: hashAt(encoded, balanceEnd + 34, EMPTY_CODE_HASH),
  }
}

/** In the words of the RLP decoder. */
function decodeAny(encoded: Uint8Array): AccountRecord {
  const [nonce, balance, storageRoot, codeHash] = toList(rlpDecode(encoded), 'account', 4)
  const storage = toBytes(storageRoot, 'storageRoot', 32)
  const code = toBytes(codeHash, 'codeHash', 32)
  return {
    nonce: toInteger(nonce, 'nonce', 8),
    balance: toInteger(balance, 'balance', 32),
    storageRoot: equalBytes(storage, EMPTY_ROOT) ? EMPTY_ROOT : storage,
    codeHash: equalBytes(code, EMPTY_CODE_HASH) ? EMPTY_CODE_HASH : code,
  }
}

/** Two heads of lists, integers of 8 and 32 bytes, two hashes. */
const out = new Uint8Array(2 + 9 + 33 + 33 + 33)
/** BigInts are cut into parts that a double holds. */
const PART_BYTES = 6
const PART_BITS = 48n
const PART_END = 2 ** 48

function writeInteger(value: bigint, at: number): number {
  const parts: number[] = []
  let rest = value
  while (rest >= PART_END) {
    parts.push(Number(BigInt.asUintN(48, rest)))
    rest >>= PART_BITS
  }
  const top = Number(rest)
  if (parts.length === 0 && top < 0x80) {
    out[at] = top === 0 ? 0x80 : top
    return at + 1
  }
  let bytes = 1
  for (let above = top; above >= 256; above = Math.floor(above / 256)) bytes += 1
  out[at] = 0x80 + bytes + PART_BYTES * parts.length
  let to = writePart(top, bytes, at + 1)
  for (let index = parts.length - 1; index >= 0; index--) to = writePart(parts[index] as number, PART_BYTES, to)
  return to
}

function writePart(part: number, bytes: number, at: number): number {
  for (let index = bytes - 1, rest = part; index >= 0; index--, rest = Math.floor(rest / 256)) out[at + index] = rest % 256
  return at + bytes
}

function writeHash(hash: Uint8Array, at: number): number {
  out[at] = 0xa0
  out.set(hash, at + 1)
  return at + 33
}

/** Behind the integer at `at`; NaN if it is none of at most `bytesMax` bytes in the shortest form. */
function integerEnd(bytes: Uint8Array, at: number, bytesMax: number): number {
  const head = bytes[at] ?? 0
  if (head > 0 && head <= 0x80) return at + 1
  const length = head - 0x80
  const first = bytes[at + 1] ?? 0
  return length > 0 && length <= bytesMax && first > 0 && (length > 1 || first >= 0x80) ? at + 1 + length : Number.NaN
}

function readInteger(bytes: Uint8Array, at: number, end: number): bigint {
  const head = bytes[at] as number
  if (head <= 0x80) return BigInt(head & 0x7f)
  let from = at + 1
  let value = 0n
  while (from < end) {
    // The first part is the short one.
    const to = from + ((end - from) % PART_BYTES || PART_BYTES)
    let part = 0
    for (; from < to; from++) part = part * 256 + (bytes[from] as number)
    value = value === 0n ? BigInt(part) : (value << PART_BITS) | BigInt(part)
  }
  return value
}

function hashAt(bytes: Uint8Array, at: number, usual: Uint8Array): Uint8Array {
  for (let index = 0; index < 32; index++) if (bytes[at + index] !== usual[index]) return bytes.slice(at, at + 32)
  return usual
}
