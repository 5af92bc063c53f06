import { ZerogError } from '@zerog/primitives'
import { type RlpItem, rlpDecode, toBytes, toList } from '../codec/rlp.ts'

/** A child: the 32-byte hash of a stored node, or the node itself, embedded because it is short. */
export type NodeRef = Uint8Array | TrieNode

// The form of nodes for walks and checks; updates and reads work on the packed one. Paths hold one nibble per byte.
export type Leaf = { readonly kind: 'leaf'; readonly path: Uint8Array; readonly value: Uint8Array }
export type Extension = { readonly kind: 'extension'; readonly path: Uint8Array; readonly child: NodeRef }
export type Branch = {
  readonly kind: 'branch'
  readonly children: readonly (NodeRef | null)[]
  readonly value: Uint8Array | null
}
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

/** Throws RECORD_CORRUPT: stored nodes are ours. */
export function decodeNode(encoded: Uint8Array): TrieNode {
  try {
    return fromItem(rlpDecode(encoded))
  } catch (cause) {
    throw new ZerogError('RECORD_CORRUPT', { message: 'a stored trie node does not decode', cause })
  }
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
