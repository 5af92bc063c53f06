import { toHex } from '@zerog/primitives'
import type { NodeSink } from './encode.ts'
import type { NodeSource } from './update.ts'

/** Nodes in a Map by their hashes: a trie without a store. */
export function memoryNodes(): { readonly source: NodeSource; readonly sink: NodeSink } {
  const nodes = new Map<string, Uint8Array>()
  return {
    source: (bytes, at) => {
      const encoded = nodes.get(nameOf(bytes, at))
      if (encoded === undefined) throw new RangeError(`the trie has no node ${toHex(bytes.subarray(at, at + 32))}`)
      return encoded
    },
    sink: (hash, hashAt, encoded, from, to) => void nodes.set(nameOf(hash, hashAt), encoded.slice(from, to)),
  }
}

function nameOf(bytes: Uint8Array, at: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, 32).toString('latin1')
}
