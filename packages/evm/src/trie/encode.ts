import { KECCAK_SCRATCH_BYTES, keccak256, keccakScratch } from '@zerog/kernels'
import { ABSENT, endAt, HASH, HASH_ITEM_BYTES, nibbleAt } from './packed.ts'

/**
 * Receives each new node of 32 bytes or more: its RLP `encoded[from .. to]` and its hash `hash[hashAt .. hashAt + 32]`. The encoding is overwritten
 * after the call, so what is to last is copied.
 */
export type NodeSink = (hash: Uint8Array, hashAt: number, encoded: Uint8Array, from: number, to: number) => void

/**
 * A part of a trie whose place is not decided yet. A leaf: the whole `key`, `end` LEAF, the value. Else a branch below the first `end` nibbles of `key`,
 * the item that names it. At which depth it is put is what decides about the path of a leaf and whether there is an extension, so
 * branches that split and merge move pieces instead of paths.
 */
export type Piece = { readonly key: Uint8Array; readonly end: number; readonly bytes: Uint8Array }

export const LEAF = -1
/** "As before", where a piece is expected. */
export const SAME: Piece = { key: new Uint8Array(0), end: -2, bytes: new Uint8Array(0) }

/** A branch without children and value. */
export const EMPTY_BRANCH: Uint8Array = Uint8Array.from([0xc0 + 17, ...new Array<number>(17).fill(ABSENT)])

/** The item by which a parent at `depth` names a piece: hash or the node itself. */
export function sealPiece(piece: Piece, depth: number, sink: NodeSink): Uint8Array {
  const { key, end, bytes } = piece
  if (end === depth) return bytes
  const last = end === LEAF ? 2 * key.length : end
  const pathBytes = 1 + ((last - depth) >> 1)
  const pathLength = pathBytes === 1 ? 1 : headLength(pathBytes) + pathBytes
  // The name of a branch is an item already.
  const secondLength = end === LEAF ? stringLength(bytes) : bytes.length
  const payload = pathLength + secondLength
  const start = begin(headLength(payload) + payload)
  let at = writeHead(0xc0, payload, start)
  if (pathBytes > 1) at = writeHead(0x80, pathBytes, at)
  at = writePath(key, depth, last, end === LEAF, at)
  at = end === LEAF ? writeString(bytes, at) : copy(bytes, 0, bytes.length, at)
  return finish(start, at, sink)
}

/**
 * The item of the branch at `at` of `bytes` in which some children are others and the value is `value`. `pieces` has SAME for each child that stays, null
 * for one that goes, and is left full of SAME.
 */
export function sealBranch(
  bytes: Uint8Array,
  childrenAt: number,
  pieces: (Piece | null)[],
  depth: number,
  value: Uint8Array | null,
  sink: NodeSink,
): Uint8Array {
  const items = new Array<Uint8Array | null>(16)
  let payload = value === null ? 1 : stringLength(value)
  for (let nibble = 0, item = childrenAt; nibble < 16; nibble++) {
    const next = endAt(bytes, item)
    const piece = pieces[nibble] as Piece | null
    if (piece === SAME) {
      items[nibble] = null
      payload += next - item
    } else {
      const sealed = piece === null ? NOTHING : sealPiece(piece, depth + 1, sink)
      items[nibble] = sealed
      payload += sealed.length
    }
    item = next
  }
  const start = begin(headLength(payload) + payload)
  let at = writeHead(0xc0, payload, start)
  let kept = childrenAt
  let item = childrenAt
  for (let nibble = 0; nibble < 16; nibble++) {
    const next = endAt(bytes, item)
    const changed = items[nibble] as Uint8Array | null
    if (changed !== null) {
      at = copy(bytes, kept, item, at)
      at = copy(changed, 0, changed.length, at)
      kept = next
      pieces[nibble] = SAME
    }
    item = next
  }
  at = copy(bytes, kept, item, at)
  if (value === null) out[at++] = ABSENT
  else at = writeString(value, at)
  return finish(start, at, sink)
}

/** The root's hash, whatever the length of its node. */
export function sealRoot(piece: Piece, sink: NodeSink): Uint8Array {
  const item = sealPiece(piece, 0, sink)
  if (item.length === HASH_ITEM_BYTES) return item.slice(1)
  const hash = keccak256(item)
  sink(hash, 0, item, 0, item.length)
  return hash
}

const NOTHING = Uint8Array.of(ABSENT)

/** Nodes are written where the kernel hashes them; only leaves of transactions and receipts can be too large for that. */
let out: Uint8Array = new Uint8Array(0)

function begin(length: number): number {
  if (length > KECCAK_SCRATCH_BYTES) {
    out = new Uint8Array(length)
    return 0
  }
  const { bytes, from } = keccakScratch()
  out = bytes
  return from
}

function finish(start: number, end: number, sink: NodeSink): Uint8Array {
  const length = end - start
  if (length < 32) return out.slice(start, end)
  const item = new Uint8Array(HASH_ITEM_BYTES)
  item[0] = HASH
  if (length > KECCAK_SCRATCH_BYTES) {
    item.set(keccak256(out), 1)
    sink(item, 1, out, start, end)
    return item
  }
  keccakScratch().digest(length, item, 1)
  // The kernel pads behind the message only.
  sink(item, 1, out, start, end)
  return item
}

function headLength(payload: number): number {
  return payload < 56 ? 1 : payload < 0x100 ? 2 : payload < 0x10000 ? 3 : payload < 0x1000000 ? 4 : 5
}

function stringLength(bytes: Uint8Array): number {
  return bytes.length === 1 && (bytes[0] as number) < 0x80 ? 1 : headLength(bytes.length) + bytes.length
}

function writeHead(base: number, payload: number, at: number): number {
  const length = headLength(payload)
  if (length === 1) {
    out[at] = base + payload
    return at + 1
  }
  out[at] = base + 54 + length
  for (let index = length - 1, rest = payload; index > 0; index--, rest = rest >>> 8) out[at + index] = rest & 0xff
  return at + length
}

function writeString(bytes: Uint8Array, at: number): number {
  if (bytes.length === 1 && (bytes[0] as number) < 0x80) {
    out[at] = bytes[0] as number
    return at + 1
  }
  return copy(bytes, 0, bytes.length, writeHead(0x80, bytes.length, at))
}

function writePath(key: Uint8Array, depth: number, last: number, leaf: boolean, to: number): number {
  const flags = leaf ? 0x20 : 0
  let at = to
  let index = depth
  if (((last - depth) & 1) === 1) out[at++] = flags | 0x10 | nibbleAt(key, index++)
  else out[at++] = flags
  if ((index & 1) === 0) return copy(key, index >> 1, last >> 1, at)
  for (; index < last; index += 2) out[at++] = (nibbleAt(key, index) << 4) | nibbleAt(key, index + 1)
  return at
}

/** Below this, a loop is faster than a view and a call. */
const LOOPED_BYTES = 64

function copy(bytes: Uint8Array, from: number, to: number, at: number): number {
  const length = to - from
  if (length > LOOPED_BYTES) out.set(bytes.subarray(from, to), at)
  else for (let index = 0; index < length; index++) out[at + index] = bytes[from + index] as number
  return at + length
}
