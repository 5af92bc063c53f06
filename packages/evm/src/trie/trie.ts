import { compareBytes, type Hex, toHex } from '@zerog/primitives'
import { keccak256 } from '../codec/keccak.ts'
import { type RlpItem, rlpEncode, rlpInteger } from '../codec/rlp.ts'
import { type Branch, decodeNode, encodeNode, type NodeRef, nibblesOf, nodeItem, type TrieNode } from './node.ts'

/** Where nodes come from: a node by its hash. Throws if it is missing, because a committed root is complete. */
export type NodeSource = (hash: Uint8Array) => TrieNode

/** Receives each new node of 32 bytes or more with its hash. */
export type NodeSink = (hash: Uint8Array, encoded: Uint8Array, node: TrieNode) => void

/** Receives the hash of each stored node that an update replaces. A node that comes out the same again is also handed to the sink. */
export type StaleSink = (hash: Uint8Array) => void

/** keccak256(rlp("")): the root of a trie without entries. */
export const EMPTY_ROOT = keccak256(Uint8Array.of(0x80))

export type TrieUpdate = { readonly key: Uint8Array /** null deletes */; readonly value: Uint8Array | null }

/** The value of a key, or undefined. */
export function trieGet(root: Uint8Array, key: Uint8Array, source: NodeSource): Uint8Array | undefined {
  const path = nibblesOf(key)
  let ref: NodeRef | null = isEmptyRoot(root) ? null : root
  let depth = 0
  while (ref !== null) {
    const node: TrieNode = ref instanceof Uint8Array ? source(ref) : ref
    if (node.kind === 'leaf') return matches(path, depth, node.path, true) ? node.value : undefined
    if (node.kind === 'extension') {
      if (!matches(path, depth, node.path, false)) return undefined
      depth += node.path.length
      ref = node.child
    } else {
      if (depth === path.length) return node.value ?? undefined
      ref = node.children[path[depth] as number] ?? null
      depth += 1
    }
  }
  return undefined
}

/**
 * Applies updates to the trie with this root and returns the new root. A synchronous batch: each touched path is encoded and
 * hashed once. Later updates of one key win. New nodes go to `sink`, the hashes of replaced ones to `stale`; nothing is removed here.
 */
export function trieUpdate(
  root: Uint8Array,
  updates: readonly TrieUpdate[],
  source: NodeSource,
  sink: NodeSink,
  stale: StaleSink = ignore,
): Uint8Array {
  if (updates.length === 0) return root
  const entries = sorted(updates)
  const before: NodeRef | null = isEmptyRoot(root) ? null : root
  const after = apply(before, entries, { from: 0, to: entries.length, depth: 0 }, { source, stale })
  if (after === null) return EMPTY_ROOT
  if (after === before) return root
  const item = seal(after, sink)
  if (item instanceof Uint8Array) return item
  // The root is hashed whatever its length.
  const encoded = rlpEncode(item)
  const hash = keccak256(encoded)
  sink(hash, encoded, after as TrieNode)
  return hash
}

/** The encoded nodes on the way to a key, root first: proves its value, or that there is none (EIP-1186). */
export function trieProof(root: Uint8Array, key: Uint8Array, source: NodeSource): Uint8Array[] {
  const proof: Uint8Array[] = []
  const path = nibblesOf(key)
  let ref: NodeRef | null = isEmptyRoot(root) ? null : root
  let depth = 0
  while (ref !== null) {
    const node: TrieNode = ref instanceof Uint8Array ? source(ref) : ref
    // Embedded nodes are part of their parent's encoding.
    if (ref instanceof Uint8Array) proof.push(encodeNode(node))
    if (node.kind === 'leaf') break
    if (node.kind === 'extension') {
      if (!matches(path, depth, node.path, false)) break
      depth += node.path.length
      ref = node.child
    } else {
      if (depth === path.length) break
      ref = node.children[path[depth] as number] ?? null
      depth += 1
    }
  }
  return proof
}

/** Value of `key` under `root` according to a proof; undefined proves absence. Throws `RangeError` if the proof is not one. */
export function verifyTrieProof(root: Uint8Array, key: Uint8Array, proof: readonly Uint8Array[]): Uint8Array | undefined {
  const nodes = new Map(proof.map((encoded) => [toHex(keccak256(encoded)), encoded]))
  return trieGet(root, key, (hash) => {
    const encoded = nodes.get(toHex(hash))
    if (encoded === undefined) throw new RangeError(`the proof has no node ${toHex(hash)}`)
    return decodeNode(encoded)
  })
}

/** Root of the trie that maps rlp(index) to each value: transactions and receipts of a block. */
export function listRoot(values: readonly Uint8Array[]): Hex {
  const updates = values.map((value, index) => ({ key: rlpEncode(rlpInteger(BigInt(index))), value }))
  return toHex(trieUpdate(EMPTY_ROOT, updates, noNodes, ignore))
}

/** Every entry below a root, in key order; for checks and exports, not for hot paths. */
export function* trieEntries(root: Uint8Array, source: NodeSource): Generator<readonly [path: Uint8Array, value: Uint8Array]> {
  if (!isEmptyRoot(root)) yield* walk(root, [], source)
}

function* walk(ref: NodeRef, prefix: readonly number[], source: NodeSource): Generator<readonly [Uint8Array, Uint8Array]> {
  const node = ref instanceof Uint8Array ? source(ref) : ref
  if (node.kind === 'leaf') {
    yield [Uint8Array.from([...prefix, ...node.path]), node.value]
  } else if (node.kind === 'extension') {
    yield* walk(node.child, [...prefix, ...node.path], source)
  } else {
    if (node.value !== null) yield [Uint8Array.from(prefix), node.value]
    for (const [nibble, child] of node.children.entries()) {
      if (child !== null) yield* walk(child, [...prefix, nibble], source)
    }
  }
}

type Entry = { readonly path: Uint8Array; readonly value: Uint8Array | null }
type Nodes = { readonly source: NodeSource; readonly stale: StaleSink }
type Span = { readonly from: number; readonly to: number; readonly depth: number }

function isEmptyRoot(root: Uint8Array): boolean {
  return compareBytes(root, EMPTY_ROOT) === 0
}

function noNodes(): TrieNode {
  throw new RangeError('an in-memory trie has no stored nodes')
}

function ignore(): void {}

function matches(path: Uint8Array, depth: number, part: Uint8Array, whole: boolean): boolean {
  if (whole ? path.length - depth !== part.length : path.length - depth < part.length) return false
  for (let index = 0; index < part.length; index++) if (path[depth + index] !== part[index]) return false
  return true
}

function sorted(updates: readonly TrieUpdate[]): Entry[] {
  const entries = updates.map(({ key, value }, order) => ({ path: nibblesOf(key), value, order }))
  entries.sort((a, b) => compareBytes(a.path, b.path) || a.order - b.order)
  return entries.filter((entry, index) => {
    const next = entries[index + 1]
    return next === undefined || compareBytes(entry.path, next.path) !== 0
  })
}

function apply(ref: NodeRef | null, entries: readonly Entry[], span: Span, nodes: Nodes): NodeRef | null {
  if (span.from === span.to) return ref
  if (ref === null) return build(entries.slice(span.from, span.to), span.depth)
  const node = ref instanceof Uint8Array ? nodes.source(ref) : ref
  const applyTo = node.kind === 'leaf' ? applyToLeaf : node.kind === 'extension' ? applyToExtension : applyToBranch
  const after = applyTo(ref, entries, span, nodes)
  if (after !== ref && ref instanceof Uint8Array) nodes.stale(ref)
  return after
}

function applyToLeaf(ref: NodeRef, entries: readonly Entry[], span: Span, nodes: Nodes): NodeRef | null {
  const leaf = (ref instanceof Uint8Array ? nodes.source(ref) : ref) as Extract<TrieNode, { kind: 'leaf' }>
  const { depth } = span
  const slice = entries.slice(span.from, span.to)
  const same = slice.find(({ path }) => matches(path, depth, leaf.path, true))
  if (same !== undefined && slice.length === 1 && same.value !== null && compareBytes(same.value, leaf.value) === 0) return ref
  if (same !== undefined) return build(slice, depth)
  const first = slice[0] as Entry
  const path = new Uint8Array(depth + leaf.path.length)
  path.set(first.path.subarray(0, depth))
  path.set(leaf.path, depth)
  const at = slice.findIndex((entry) => compareBytes(entry.path, path) > 0)
  slice.splice(at === -1 ? slice.length : at, 0, { path, value: leaf.value })
  return build(slice, depth)
}

function applyToExtension(ref: NodeRef, entries: readonly Entry[], span: Span, nodes: Nodes): NodeRef | null {
  const node = (ref instanceof Uint8Array ? nodes.source(ref) : ref) as Extract<TrieNode, { kind: 'extension' }>
  const { from, to, depth } = span
  // Sorted entries share with the path at least what the first and the last share with it.
  const shared = Math.min(
    sharedLength(node.path, (entries[from] as Entry).path, depth),
    sharedLength(node.path, (entries[to - 1] as Entry).path, depth),
  )
  if (shared === node.path.length) {
    const child = apply(node.child, entries, { from, to, depth: depth + shared }, nodes)
    return child === node.child ? ref : prefix(node.path, child, nodes)
  }
  const branch: Branch = { kind: 'branch', children: new Array(16).fill(null), value: null }
  branch.children[node.path[shared] as number] = prefix(node.path.subarray(shared + 1), node.child, nodes)
  return prefix(node.path.subarray(0, shared), applyToBranch(branch, entries, { from, to, depth: depth + shared }, nodes), nodes)
}

function applyToBranch(ref: NodeRef, entries: readonly Entry[], span: Span, nodes: Nodes): NodeRef | null {
  const node = (ref instanceof Uint8Array ? nodes.source(ref) : ref) as Branch
  const { to, depth } = span
  let { from } = span
  let { value } = node
  const children = [...node.children]
  let changed = false
  if ((entries[from] as Entry).path.length === depth) {
    value = (entries[from] as Entry).value
    changed = true
    from += 1
  }
  while (from < to) {
    const nibble = (entries[from] as Entry).path[depth] as number
    let end = from + 1
    while (end < to && (entries[end] as Entry).path[depth] === nibble) end += 1
    const before = children[nibble] ?? null
    const after = apply(before, entries, { from, to: end, depth: depth + 1 }, nodes)
    if (after !== before) {
      children[nibble] = after
      changed = true
    }
    from = end
  }
  // A branch that was made for a split is not stored yet, so it must be normalised even when nothing changed below it.
  return changed || !(ref instanceof Uint8Array) ? normalise(children, value, nodes) : ref
}

/** A subtree of nothing but these sorted entries. */
function build(entries: readonly Entry[], depth: number): TrieNode | null {
  const kept = entries.filter(({ value }) => value !== null)
  return buildSpan(kept as readonly { path: Uint8Array; value: Uint8Array }[], { from: 0, to: kept.length, depth })
}

function buildSpan(entries: readonly { path: Uint8Array; value: Uint8Array }[], span: Span): TrieNode | null {
  const { from, to, depth } = span
  const first = entries[from]
  const last = entries[to - 1]
  if (first === undefined || last === undefined || from === to) return null
  if (to - from === 1) return { kind: 'leaf', path: first.path.slice(depth), value: first.value }
  const shared = sharedLength(first.path.subarray(depth), last.path, depth)
  const at = depth + shared
  const branch: Branch = { kind: 'branch', children: new Array(16).fill(null), value: null }
  let start = from
  if (first.path.length === at) {
    branch.value = first.value
    start += 1
  }
  while (start < to) {
    const nibble = entries[start]?.path[at] as number
    let end = start + 1
    while (end < to && entries[end]?.path[at] === nibble) end += 1
    branch.children[nibble] = buildSpan(entries, { from: start, to: end, depth: at + 1 })
    start = end
  }
  return shared === 0 ? branch : { kind: 'extension', path: first.path.slice(depth, at), child: branch }
}

function sharedLength(part: Uint8Array, path: Uint8Array, depth: number): number {
  const length = Math.min(part.length, path.length - depth)
  for (let index = 0; index < length; index++) if (part[index] !== path[depth + index]) return index
  return length
}

/** Puts a path before a node, merging it into a leaf or extension. */
function prefix(path: Uint8Array, ref: NodeRef | null, nodes: Nodes): NodeRef | null {
  if (ref === null || path.length === 0) return ref
  const node = ref instanceof Uint8Array ? nodes.source(ref) : ref
  if (node.kind === 'branch') return { kind: 'extension', path: path.slice(), child: ref }
  if (ref instanceof Uint8Array) nodes.stale(ref)
  const joined = new Uint8Array(path.length + node.path.length)
  joined.set(path)
  joined.set(node.path, path.length)
  return { ...node, path: joined }
}

function normalise(children: (NodeRef | null)[], value: Uint8Array | null, nodes: Nodes): NodeRef | null {
  let only = -1
  let count = 0
  for (let nibble = 0; nibble < 16; nibble++) {
    if (children[nibble] === null) continue
    only = nibble
    count += 1
  }
  if (count === 0) return value === null ? null : { kind: 'leaf', path: new Uint8Array(0), value }
  if (count === 1 && value === null) return prefix(Uint8Array.of(only), children[only] as NodeRef, nodes)
  return { kind: 'branch', children, value }
}

/** The item by which a parent refers to a node; hashes and hands out every new node below. */
function seal(ref: NodeRef, sink: NodeSink): RlpItem {
  if (ref instanceof Uint8Array) return ref
  if (ref.kind === 'extension') {
    const sealedChild = seal(ref.child, sink)
    if (sealedChild instanceof Uint8Array) ref.child = sealedChild
  } else if (ref.kind === 'branch') {
    for (let nibble = 0; nibble < 16; nibble++) {
      const child = ref.children[nibble] ?? null
      if (child === null || child instanceof Uint8Array) continue
      const sealedChild = seal(child, sink)
      if (sealedChild instanceof Uint8Array) ref.children[nibble] = sealedChild
    }
  }
  const encoded = encodeNode(ref)
  if (encoded.length < 32) return nodeItem(ref, sealed)
  const hash = keccak256(encoded)
  sink(hash, encoded, ref)
  return hash
}

/** After `seal` a child is a hash or an embedded node. */
function sealed(child: NodeRef): RlpItem {
  return child instanceof Uint8Array ? child : nodeItem(child, sealed)
}
