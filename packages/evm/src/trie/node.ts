import { ZerogError } from '@zerog/primitives'
import { type RlpItem, rlpDecode, rlpEncode, toBytes, toList } from '../codec/rlp.ts'

/** A child: the 32-byte hash of a stored node, or the node itself (embedded because short, or not hashed yet). */
export type NodeRef = Uint8Array | TrieNode

/** Paths hold one nibble per byte. */
export type Leaf = { readonly kind: 'leaf'; readonly path: Uint8Array; readonly value: Uint8Array }
export type Extension = { readonly kind: 'extension'; readonly path: Uint8Array; child: NodeRef }
export type Branch = { readonly kind: 'branch'; readonly children: (NodeRef | null)[]; value: Uint8Array | null }
export type TrieNode = Leaf | Extension | Branch

export function nibblesOf(key: Uint8Array): Uint8Array {
  const out = new Uint8Array(key.length * 2)
  for (let index = 0; index < key.length; index++) {
    const byte = key[index] as number
    out[2 * index] = byte >> 4
    out[2 * index + 1] = byte & 15
  }
  return out
}

/** The RLP structure of a node, for embedding into its parent. */
export function nodeItem(node: TrieNode, childItem: (child: NodeRef) => RlpItem): RlpItem {
  switch (node.kind) {
    case 'leaf':
      return [packPath(node.path, true), node.value]
    case 'extension':
      return [packPath(node.path, false), childItem(node.child)]
    case 'branch':
      return [...node.children.map((child) => (child === null ? NOTHING : childItem(child))), node.value ?? NOTHING]
  }
}

/**
 * The RLP of a node whose children are hashes or embedded nodes: the same bytes as `rlpEncode(nodeItem(...))`, written in one pass, because every
 * block encodes some nodes per transaction.
 */
export function encodeNode(node: TrieNode): Uint8Array {
  if (node.kind === 'branch') return encodeBranch(node)
  const path = packPath(node.path, node.kind === 'leaf')
  const second = node.kind === 'leaf' ? node.value : node.child
  if (!(second instanceof Uint8Array)) return rlpEncode([path, embeddedItem(second)])
  const payload = stringLength(path) + stringLength(second)
  const out = new Uint8Array(headLength(payload) + payload)
  writeString(second, out, writeString(path, out, writeHead(0xc0, payload, out, 0)))
  return out
}

function encodeBranch(node: Branch): Uint8Array {
  const { children, value } = node
  let hashes = 0
  for (const child of children) {
    if (child instanceof Uint8Array) hashes += 1
    else if (child !== null) return rlpEncode(nodeItem(node, embeddedItem))
  }
  const payload = 33 * hashes + (16 - hashes) + (value === null ? 1 : stringLength(value))
  const out = new Uint8Array(headLength(payload) + payload)
  let at = writeHead(0xc0, payload, out, 0)
  for (const child of children) {
    if (child instanceof Uint8Array) {
      out[at] = 0xa0
      out.set(child, at + 1)
      at += 33
    } else out[at++] = 0x80
  }
  if (value === null) out[at] = 0x80
  else writeString(value, out, at)
  return out
}

function embeddedItem(child: NodeRef): RlpItem {
  return child instanceof Uint8Array ? child : nodeItem(child, embeddedItem)
}

function headLength(payload: number): number {
  return payload < 56 ? 1 : payload < 0x100 ? 2 : payload < 0x10000 ? 3 : payload < 0x1000000 ? 4 : 5
}

function stringLength(bytes: Uint8Array): number {
  return bytes.length === 1 && (bytes[0] as number) < 0x80 ? 1 : headLength(bytes.length) + bytes.length
}

function writeHead(base: number, payload: number, out: Uint8Array, at: number): number {
  const length = headLength(payload)
  if (length === 1) {
    out[at] = base + payload
    return at + 1
  }
  out[at] = base + 54 + length
  for (let index = length - 1, rest = payload; index > 0; index--, rest = rest >>> 8) out[at + index] = rest & 0xff
  return at + length
}

function writeString(bytes: Uint8Array, out: Uint8Array, at: number): number {
  if (bytes.length === 1 && (bytes[0] as number) < 0x80) {
    out[at] = bytes[0] as number
    return at + 1
  }
  const from = writeHead(0x80, bytes.length, out, at)
  out.set(bytes, from)
  return from + bytes.length
}

/** Throws RECORD_CORRUPT: stored nodes are ours. */
export function decodeNode(encoded: Uint8Array): TrieNode {
  try {
    return fromItem(rlpDecode(encoded))
  } catch (cause) {
    throw new ZerogError('RECORD_CORRUPT', { message: 'a stored trie node does not decode', cause })
  }
}

const NOTHING = new Uint8Array(0)

/** Hex-prefix encoding (yellow paper, appendix C). */
function packPath(path: Uint8Array, leaf: boolean): Uint8Array {
  const odd = path.length % 2
  const out = new Uint8Array((path.length - odd) / 2 + 1)
  out[0] = (leaf ? 0x20 : 0) | (odd === 1 ? 0x10 | (path[0] as number) : 0)
  for (let index = odd, at = 1; index < path.length; index += 2, at++) {
    out[at] = ((path[index] as number) << 4) | (path[index + 1] as number)
  }
  return out
}

function unpackPath(packed: Uint8Array): { readonly leaf: boolean; readonly path: Uint8Array } {
  const head = packed[0]
  if (head === undefined || head >= 0x40) throw new RangeError('a path without a valid prefix')
  const odd = (head & 0x10) !== 0
  const rest = nibblesOf(packed.subarray(1))
  if (!odd) return { leaf: (head & 0x20) !== 0, path: rest }
  const path = new Uint8Array(rest.length + 1)
  path[0] = head & 15
  path.set(rest, 1)
  return { leaf: (head & 0x20) !== 0, path }
}

function fromItem(item: RlpItem): TrieNode {
  const fields = toList(item, 'node')
  if (fields.length === 17) {
    const children = fields.slice(0, 16).map((field) => (field instanceof Uint8Array && field.length === 0 ? null : toRef(field)))
    const value = toBytes(fields[16], 'branch value')
    return { kind: 'branch', children, value: value.length === 0 ? null : value }
  }
  const [packed, second] = toList(fields, 'node', 2)
  const { leaf, path } = unpackPath(toBytes(packed, 'path'))
  if (leaf) return { kind: 'leaf', path, value: toBytes(second, 'leaf value') }
  if (second === undefined) throw new RangeError('an extension without a child')
  return { kind: 'extension', path, child: toRef(second) }
}

function toRef(item: RlpItem): NodeRef {
  if (item instanceof Uint8Array) {
    if (item.length !== 32) throw new RangeError(`a child reference of ${item.length} bytes`)
    return item
  }
  return fromItem(item)
}
