import { compareBytes, equalBytes } from '@zerog/primitives'
import { EMPTY_BRANCH, LEAF, type NodeSink, type Piece, SAME, sealBranch, sealRoot } from './encode.ts'
import {
  ABSENT,
  endAt,
  HASH,
  HASH_ITEM_BYTES,
  isBranch,
  joinPath,
  nibbleAt,
  pathAt,
  payloadAt,
  setNibble,
  sharedWithPath,
} from './packed.ts'
import { sortedUpdates } from './sort.ts'

/**
 * Where nodes come from: the RLP of the node whose hash is `bytes[at .. at + 32]`, checked by `isNode`. Throws if it is missing, because
 * a committed root is complete.
 */
export type NodeSource = (bytes: Uint8Array, at: number) => Uint8Array

/** Receives the hash of each stored node that an update replaces. A node that comes out the same again is also handed to the sink. */
export type StaleSink = (bytes: Uint8Array, at: number) => void

export type TrieUpdate = { readonly key: Uint8Array /** null deletes */; readonly value: Uint8Array | null }

type Work = {
  readonly entries: readonly TrieUpdate[]
  readonly source: NodeSource
  readonly sink: NodeSink
  readonly stale: StaleSink
  /** Children of the branches on the way down, one array per branch. */
  readonly levels: (Piece | null)[][]
  level: number
}

/**
 * Applies updates, at least one, to the trie with this root (null: without entries) and returns the new root, null if nothing is left. One walk over the
 * sorted keys: each node on the way is read once, and written and hashed once when its children are known.
 */
export function updateTrie(
  root: Uint8Array | null,
  updates: readonly TrieUpdate[],
  nodes: { readonly source: NodeSource; readonly sink: NodeSink; readonly stale: StaleSink },
): Uint8Array | null {
  const { source, sink, stale } = nodes
  const work: Work = { entries: sortedUpdates(updates), source, sink, stale, levels: [], level: 0 }
  const item = new Uint8Array(HASH_ITEM_BYTES)
  item[0] = root === null ? ABSENT : HASH
  if (root !== null) item.set(root, 1)
  const after = applyToItem(work, item, 0, 0, work.entries.length, 0)
  if (after === SAME) return root
  return after === null ? null : sealRoot(after, sink)
}

function entryAt(entries: readonly TrieUpdate[], index: number): TrieUpdate {
  return entries[index] as TrieUpdate
}

/** The entries `from` to `to` agree in their first `depth` nibbles, which lead to the child that stands at `at` of `bytes`. */
function applyToItem(work: Work, bytes: Uint8Array, at: number, from: number, to: number, depth: number): Piece | null {
  const head = bytes[at] as number
  if (head === ABSENT) return build(work, from, to, depth) ?? SAME
  if (head !== HASH) return applyToNode(work, bytes, at, from, to, depth)
  const after = applyToNode(work, work.source(bytes, at + 1), 0, from, to, depth)
  if (after !== SAME) work.stale(bytes, at + 1)
  return after
}

function applyToNode(work: Work, bytes: Uint8Array, at: number, from: number, to: number, depth: number): Piece | null {
  if (isBranch(bytes, at)) return applyToBranch(work, bytes, at, from, to, depth)
  const path = pathAt(bytes, at)
  return path.leaf ? applyToLeaf(work, bytes, at, from, to, depth) : applyToExtension(work, bytes, at, from, to, depth)
}

function applyToLeaf(work: Work, bytes: Uint8Array, at: number, from: number, to: number, depth: number): Piece | null {
  const { at: pathFrom, first, count, end: valueItem } = pathAt(bytes, at)
  const { entries } = work
  const isHere = ({ key }: TrieUpdate): boolean =>
    2 * key.length - depth === count && sharedWithPath(key, depth, bytes, pathFrom, first, count) === count
  const entry = entryAt(entries, from)
  if (to - from === 1 && isHere(entry)) {
    if (entry.value === null) return null
    return equalToPayload(entry.value, bytes, valueItem) ? SAME : { key: entry.key, end: LEAF, bytes: entry.value }
  }
  const span = entries.slice(from, to)
  const wanted = span.filter(({ value }) => value !== null)
  if (!span.some(isHere)) {
    if (wanted.length === 0) return SAME
    const key = joinPath(entry.key, depth, bytes, { at: pathFrom, first, count })
    const behind = wanted.findIndex((other) => compareBytes(other.key, key) > 0)
    const value = bytes.subarray(payloadAt(bytes, valueItem), endAt(bytes, valueItem))
    wanted.splice(behind === -1 ? wanted.length : behind, 0, { key, value })
  }
  return wanted.length === 0 ? null : buildSpan(work, wanted, 0, wanted.length, depth)
}

function applyToExtension(work: Work, bytes: Uint8Array, at: number, from: number, to: number, depth: number): Piece | null {
  const { at: pathFrom, first, count, end: childItem } = pathAt(bytes, at)
  const { key } = entryAt(work.entries, from)
  // Sorted entries share with the path at least what the first and the last share with it.
  const shared = Math.min(
    sharedWithPath(key, depth, bytes, pathFrom, first, count),
    sharedWithPath(entryAt(work.entries, to - 1).key, depth, bytes, pathFrom, first, count),
  )
  if (shared === count) return applyToItem(work, bytes, childItem, from, to, depth + count)
  const whole = joinPath(key, depth, bytes, { at: pathFrom, first, count })
  const piece: Piece = { key: whole, end: depth + count, bytes: bytes.slice(childItem, endAt(bytes, childItem)) }
  return split(work, piece, from, to, depth + shared)
}

/** Applies entries to a branch that stands at `depth` or deeper, with what an extension would bridge between them. */
function applyToPiece(work: Work, piece: Piece, from: number, to: number, depth: number): Piece | null {
  const { key, end, bytes } = piece
  const open = end - depth
  const shared = Math.min(
    sharedWithPath(entryAt(work.entries, from).key, depth, key, 0, depth, open),
    sharedWithPath(entryAt(work.entries, to - 1).key, depth, key, 0, depth, open),
  )
  return shared === open ? applyToItem(work, bytes, 0, from, to, end) : split(work, piece, from, to, depth + shared)
}

/** A new branch at `depth`, above the end of the piece: one of its children is the rest of the piece. */
function split(work: Work, piece: Piece, from: number, to: number, depth: number): Piece | null {
  const { entries } = work
  const pieces = takeLevel(work)
  const old = nibbleAt(piece.key, depth)
  const { key } = entryAt(entries, from)
  let value: Uint8Array | null = null
  let start = from
  if (2 * key.length === depth) value = entryAt(entries, start++).value
  let changed = value !== null
  for (let nibble = 0; nibble < 16; nibble++) {
    const end = endOfNibble(entries, start, to, depth, nibble)
    let after: Piece | null = null
    if (end > start)
      after = nibble === old ? applyToPiece(work, piece, start, end, depth + 1) : build(work, start, end, depth + 1)
    else if (nibble === old) after = SAME
    changed ||= nibble === old ? after !== SAME : after !== null
    // SAME means here what EMPTY_BRANCH has: nothing.
    pieces[nibble] = after === SAME ? piece : (after ?? SAME)
    start = end
  }
  if (changed) return close(work, { pieces, bytes: EMPTY_BRANCH, at: 0, key, depth, value })
  pieces.fill(SAME)
  work.level -= 1
  return SAME
}

function applyToBranch(work: Work, bytes: Uint8Array, at: number, from: number, to: number, depth: number): Piece | null {
  const { entries } = work
  const pieces = takeLevel(work)
  const { key } = entryAt(entries, from)
  const here = 2 * key.length === depth
  let start = here ? from + 1 : from
  let changed = false
  let item = payloadAt(bytes, at)
  for (let nibble = 0; nibble < 16; nibble++) {
    const end = endOfNibble(entries, start, to, depth, nibble)
    if (end > start) {
      const after = applyToItem(work, bytes, item, start, end, depth + 1)
      if (after !== SAME) changed = true
      pieces[nibble] = after
      start = end
    }
    item = endAt(bytes, item)
  }
  const old = bytes[item] === ABSENT ? null : bytes.subarray(payloadAt(bytes, item), endAt(bytes, item))
  const value = here ? entryAt(entries, from).value : old
  if (here && !(old === null ? value === null : value !== null && equalBytes(old, value))) changed = true
  if (changed) return close(work, { pieces, bytes, at, key, depth, value })
  work.level -= 1
  return SAME
}

type OpenBranch = {
  readonly pieces: (Piece | null)[]
  /** The branch as it was. */
  readonly bytes: Uint8Array
  readonly at: number
  /** Its first `depth` nibbles lead here. */
  readonly key: Uint8Array
  readonly depth: number
  readonly value: Uint8Array | null
}

/** What a branch has become: itself with other children, its only child, a leaf of its value, or nothing. */
function close(work: Work, { pieces, bytes, at, key, depth, value }: OpenBranch): Piece | null {
  work.level -= 1
  const childrenAt = payloadAt(bytes, at)
  let count = 0
  let only = 0
  let onlyItem = 0
  for (let nibble = 0, item = childrenAt; nibble < 16; nibble++) {
    const piece = pieces[nibble] as Piece | null
    if (piece === SAME ? bytes[item] !== ABSENT : piece !== null) {
      count += 1
      only = nibble
      onlyItem = item
    }
    item = endAt(bytes, item)
  }
  if (count > 1 || (count === 1 && value !== null)) {
    return { key, end: depth, bytes: sealBranch(bytes, childrenAt, pieces, depth, value, work.sink) }
  }
  const piece = pieces[only] as Piece
  pieces.fill(SAME)
  if (count === 0) return value === null ? null : { key: key.slice(0, depth >> 1), end: LEAF, bytes: value }
  return piece === SAME ? pieceOf(work, bytes, onlyItem, { key, depth, nibble: only }) : piece
}

/** A stored child as a piece, to be put higher than it stands. */
function pieceOf(
  work: Work,
  bytes: Uint8Array,
  item: number,
  place: { readonly key: Uint8Array; readonly depth: number; readonly nibble: number },
): Piece {
  const depth = place.depth + 1
  const key = new Uint8Array((depth + 1) >> 1)
  key.set(place.key.subarray(0, key.length))
  setNibble(key, place.depth, place.nibble)
  const hashed = bytes[item] === HASH
  const node = hashed ? work.source(bytes, item + 1) : bytes
  const at = hashed ? 0 : item
  if (isBranch(node, at)) return { key, end: depth, bytes: bytes.slice(item, endAt(bytes, item)) }
  if (hashed) work.stale(bytes, item + 1)
  const { leaf, at: pathFrom, first, count, end: second } = pathAt(node, at)
  const whole = joinPath(key, depth, node, { at: pathFrom, first, count })
  if (!leaf) return { key: whole, end: depth + count, bytes: node.slice(second, endAt(node, second)) }
  return { key: whole, end: LEAF, bytes: node.subarray(payloadAt(node, second), endAt(node, second)) }
}

/** A subtree of nothing but these entries; null if all of them delete. */
function build(work: Work, from: number, to: number, depth: number): Piece | null {
  if (to - from === 1) {
    const { key, value } = entryAt(work.entries, from)
    return value === null ? null : { key, end: LEAF, bytes: value }
  }
  const kept = work.entries.slice(from, to).filter(({ value }) => value !== null)
  return kept.length === 0 ? null : buildSpan(work, kept, 0, kept.length, depth)
}

/** At least one entry, none deletes. */
function buildSpan(work: Work, entries: readonly TrieUpdate[], from: number, to: number, depth: number): Piece {
  const { key, value } = entryAt(entries, from)
  if (to - from === 1) return { key, end: LEAF, bytes: value as Uint8Array }
  const last = entryAt(entries, to - 1).key
  const at = depth + sharedWithPath(key, depth, last, 0, depth, 2 * last.length - depth)
  const pieces = takeLevel(work)
  const ends = 2 * key.length === at
  let start = ends ? from + 1 : from
  for (let nibble = 0; nibble < 16; nibble++) {
    const end = endOfNibble(entries, start, to, at, nibble)
    if (end > start) pieces[nibble] = buildSpan(work, entries, start, end, at + 1)
    start = end
  }
  work.level -= 1
  return { key, end: at, bytes: sealBranch(EMPTY_BRANCH, 1, pieces, at, ends ? value : null, work.sink) }
}

/** Where the sorted entries from `start` on no longer have this nibble at `depth`. */
function endOfNibble(entries: readonly TrieUpdate[], start: number, to: number, depth: number, nibble: number): number {
  let end = start
  while (end < to && nibbleAt(entryAt(entries, end).key, depth) === nibble) end += 1
  return end
}

/** An array of 16 times SAME; whoever takes it leaves it so. */
function takeLevel(work: Work): (Piece | null)[] {
  const level = work.level++
  const known = work.levels[level]
  if (known !== undefined) return known
  const fresh = new Array<Piece | null>(16).fill(SAME)
  work.levels[level] = fresh
  return fresh
}

function equalToPayload(value: Uint8Array, bytes: Uint8Array, item: number): boolean {
  const from = payloadAt(bytes, item)
  if (endAt(bytes, item) - from !== value.length) return false
  for (let index = 0; index < value.length; index++) if (value[index] !== bytes[from + index]) return false
  return true
}
