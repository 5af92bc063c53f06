import type { RowProof } from '@zerog/erasure'
import type { Row } from '@zerog/proto/da'
import { HASH_BYTES, ROWS_ASKED_MAX } from '../../limits.ts'
import { invalid, toWire } from './statement-codec.ts'

/** The deepest tree has 16,384 leaves. */
const PATH_BYTES_MAX = 14 * HASH_BYTES

/** A row from the wire: views into the message. Whether it fits any code is a later question. @throws ZerogError INVALID_ARGUMENT */
export function decodeRow({ index, data, path }: Row): RowProof {
  if (path.length % HASH_BYTES !== 0 || path.length > PATH_BYTES_MAX)
    throw invalid('path', 'a path is at most 14 hashes of 32 bytes')
  const siblings = Array.from({ length: path.length / HASH_BYTES }, (_, level) =>
    path.subarray(level * HASH_BYTES, (level + 1) * HASH_BYTES),
  )
  return { index, row: data, path: siblings }
}

export function encodeRow({ index, row, path }: RowProof): Row {
  const joined = Buffer.allocUnsafe(path.length * HASH_BYTES)
  for (const [level, sibling] of path.entries()) joined.set(sibling, level * HASH_BYTES)
  return { index, data: toWire(row), path: joined }
}

/** A copy: what is kept must not hold a whole message in memory. */
export function decodeCommitment(commitment: Uint8Array): Uint8Array {
  if (commitment.length !== HASH_BYTES) throw invalid('commitment', 'a commitment has 32 bytes')
  return new Uint8Array(commitment)
}

export function decodeIndexes(indexes: readonly number[]): readonly number[] {
  if (indexes.length > ROWS_ASKED_MAX) throw invalid('indexes', `at most ${ROWS_ASKED_MAX} rows per call`)
  return indexes
}
