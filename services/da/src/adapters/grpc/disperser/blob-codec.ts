import { quorumIdOf } from '@zerog/availability'
import { type Blob, type BlobPart, BlobState } from '@zerog/proto/da'
import type { BlobView, PartView } from '../../../app/disperser/repository.ts'
import { blobState, lastOf } from '../../../core/disperser/blob-state.ts'
import { BLOB_ID_CHARS_MAX } from '../../../core/disperser/limits.ts'
import { invalid, toWire } from '../statement-codec.ts'

const STATES = {
  queued: BlobState.BLOB_STATE_QUEUED,
  dispersing: BlobState.BLOB_STATE_DISPERSING,
  certified: BlobState.BLOB_STATE_CERTIFIED,
  finalized: BlobState.BLOB_STATE_FINALIZED,
  failed: BlobState.BLOB_STATE_FAILED,
} as const

export function encodeBlob(view: BlobView): Blob {
  const { id, sizeBytes, sha256, parts, failure, acceptedAtMs } = view
  const state = blobState(view)
  const hashes = new Map(
    parts.flatMap(({ transactionHash: hash }) => (hash === undefined ? [] : [[String(hash), toWire(hash)] as const])),
  )
  const expiries = parts.flatMap(({ statement }) => (statement === undefined ? [] : [statement.expiry]))
  return {
    id,
    state: STATES[state],
    sizeBytes: BigInt(sizeBytes),
    sha256: toWire(sha256),
    parts: state === 'queued' ? [] : encodeParts(parts),
    failureReason: failure?.reason ?? '',
    failureMessage: failure?.message ?? '',
    acceptedAtMs: BigInt(acceptedAtMs),
    certifiedAtMs: BigInt(lastOf(parts.map(({ certifiedAtMs }) => certifiedAtMs)) ?? 0),
    finalizedAtMs: BigInt(lastOf(parts.map(({ finalizedAtMs }) => finalizedAtMs)) ?? 0),
    transactionHashes: [...hashes.values()],
    expiry: expiries.length < parts.length ? 0n : expiries.reduce(earlier),
  }
}

/** Ids are opaque but never longer than this. */
export function decodeId(id: string): string {
  if (id === '' || id.length > BLOB_ID_CHARS_MAX) throw invalid('id', `a blob's id has 1 to ${BLOB_ID_CHARS_MAX} characters`)
  return id
}

export function decodeHash(hash: Uint8Array, parameter: string): Uint8Array {
  if (hash.length !== 32) throw invalid(parameter, `${parameter} has 32 bytes, not ${hash.length}`)
  return hash
}

/** Parts that are coded; of a failed blob there may be fewer. */
function encodeParts(parts: readonly PartView[]): BlobPart[] {
  let offset = 0
  return parts.flatMap(({ lengthBytes, statement, index }) => {
    const start = offset
    offset += lengthBytes
    if (statement === undefined) return []
    const { epoch, committee } = statement
    const header = { commitment: toWire(statement.commitment), epoch, quorumId: quorumIdOf(committee, index) }
    return [{ header, offset: BigInt(start), sizeBytes: BigInt(lengthBytes) }]
  })
}

function earlier(a: bigint, b: bigint): bigint {
  if (a < b) return a
  return b
}
