import { assert } from '@zerog/primitives'
import { BLOBS_MAX } from './limits.ts'
import { malformed } from './refusal.ts'

/** `committee | index << 32`: 0G's clients echo it, and it stays below 2^53 for clients whose numbers are doubles. */
export function quorumIdOf(committee: number, blobIndex: number): bigint {
  assert(Number.isInteger(committee) && committee >= 0 && committee < 2 ** 32, 'a committee id has 32 bits')
  assert(Number.isInteger(blobIndex) && blobIndex >= 0 && blobIndex < BLOBS_MAX, 'a bundle has at most 65,536 blobs')
  return BigInt(committee) | (BigInt(blobIndex) << 32n)
}

/** @throws ZerogError INVALID_ARGUMENT where no blob has this id */
export function splitQuorumId(quorumId: bigint): { committee: number; blobIndex: number } {
  const blobIndex = quorumId >> 32n
  if (quorumId < 0n || blobIndex >= BigInt(BLOBS_MAX)) throw malformed('quorum id', `${quorumId} names no blob of a bundle`)
  return { committee: Number(quorumId & 0xffff_ffffn), blobIndex: Number(blobIndex) }
}
