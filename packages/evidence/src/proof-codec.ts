import { type SumNode, type SumProof, sumPathLength } from './sum-tree.ts'
import { createReader, createWriter, invalid } from './wire.ts'

const VERSION = 1

/** `u8 version (1) ‖ u32 index ‖ u32 count`, then per sibling `hash ‖ u128 sum`; their number follows from index and count. */
export function encodeSumProof({ index, count, path }: SumProof): Uint8Array {
  const writer = createWriter().uint(VERSION, 1).uint(index, 4).uint(count, 4)
  for (const { hash, sum } of path) writer.hex(hash, 32).uint(sum, 16)
  return writer.done()
}

/** @throws ZerogError ENCODING_INVALID for any bytes that are not exactly one proof of the form of its index and count */
export function decodeSumProof(bytes: Uint8Array): SumProof {
  const reader = createReader(bytes, 'proof')
  const version = reader.number(1)
  if (version !== VERSION) throw invalid(`version ${version} of a proof is not known`)
  const index = reader.number(4)
  const count = reader.number(4)
  if (index >= count) throw invalid(`leaf ${index} of ${count} does not exist`)
  const path: SumNode[] = []
  for (let left = sumPathLength(index, count); left > 0; left--) path.push({ hash: reader.hex(32), sum: reader.bigint(16) })
  reader.end()
  return { index, count, path }
}
