import { sha256 } from '@zerog/kernels'
import type { SequenceTrace } from './types.ts'

const TILE_BYTES = 1_024

/** Binary Merkle tree of RFC 6962: leaves are hashed behind a 0, pairs behind a 1; the left part is the largest power of two. */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256(new Uint8Array())
  const level = leaves.map((leaf) => tagged(0, leaf))
  return fold(level)
}

function fold(nodes: readonly Uint8Array[]): Uint8Array {
  if (nodes.length === 1) return nodes[0] as Uint8Array // one
  let left = 1
  while (left * 2 < nodes.length) left *= 2
  return tagged(1, fold(nodes.slice(0, left)), fold(nodes.slice(left)))
}

function tagged(tag: 0 | 1, ...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(1 + parts.reduce((sum, part) => sum + part.length, 0))
  bytes[0] = tag
  let at = 1
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return sha256(bytes)
}

/** Root over the counts of prompt and answer and the token ids in tiles of 1 KiB, all u32 little-endian. */
export function tokenIdsRoot(prompt: readonly number[], answer: readonly number[]): Uint8Array {
  const counts = littleEndian(Int32Array.of(prompt.length, answer.length))
  return merkleRoot([counts, ...tiles(littleEndian(Int32Array.from([...prompt, ...answer])))])
}

/** Root of one tensor: its bytes, little-endian, in tiles of 1 KiB. A single tile opens with a short proof. */
export function tensorRoot(values: Int32Array | Uint8Array): Uint8Array {
  return merkleRoot(tiles(values instanceof Uint8Array ? values : littleEndian(values)))
}

/** Commitment to an answer: `logitsRoots` are the tensor roots of the logits of each step, the end token's included. */
export function traceOf(prompt: readonly number[], answer: readonly number[], logitsRoots: readonly Uint8Array[]): SequenceTrace {
  const tokens = tokenIdsRoot(prompt, answer)
  return { tokenIdsRoot: tokens, traceRoot: merkleRoot([tokens, merkleRoot(logitsRoots)]) }
}

function tiles(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / TILE_BYTES) }, (_, i) =>
    bytes.subarray(i * TILE_BYTES, (i + 1) * TILE_BYTES),
  )
}

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

function littleEndian(values: Int32Array): Uint8Array {
  if (HOST_IS_LITTLE_ENDIAN) return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const bytes = new Uint8Array(4 * values.length)
  const view = new DataView(bytes.buffer)
  for (const [i, value] of values.entries()) view.setInt32(4 * i, value, true)
  return bytes
}
