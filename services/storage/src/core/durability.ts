import { fullMask, rangeCount, rangeFirst, rangeLength, type SegmentMask } from './ranges.ts'

/** What is known of one replica of one range. */
export type ReplicaState = { readonly stored: SegmentMask; readonly signed: boolean }
export type RangeState = { readonly rangeIndex: number; readonly quorum: number; readonly replicas: readonly ReplicaState[] }

/** Replicas that must hold a segment before it counts as stored: a majority of those that were placed. */
export function quorumOf(replicaCount: number): number {
  return Math.floor(replicaCount / 2) + 1
}

/** Segments that a quorum of replicas stores. */
export function durableMask(range: Omit<RangeState, 'rangeIndex'>): SegmentMask {
  let mask = 0n
  const union = range.replicas.reduce((all, replica) => all | replica.stored, 0n)
  for (let bit = 1n; bit <= union; bit <<= 1n) {
    if ((union & bit) === 0n) continue
    const holders = range.replicas.filter((replica) => (replica.stored & bit) !== 0n).length
    if (holders >= range.quorum) mask |= bit
  }
  return mask
}

/** Segments from the first one on, without a gap, that a quorum stores: where an interrupted upload goes on. */
export function durablePrefix(ranges: readonly RangeState[], segmentCount: number): number {
  const byIndex = new Map(ranges.map((range) => [range.rangeIndex, range]))
  for (let rangeIndex = 0; rangeIndex < rangeCount(segmentCount); rangeIndex++) {
    const range = byIndex.get(rangeIndex)
    const mask = range === undefined ? 0n : durableMask(range)
    const length = rangeLength(segmentCount, rangeIndex)
    for (let offset = 0; offset < length; offset++) {
      if (((mask >> BigInt(offset)) & 1n) === 0n) return rangeFirst(rangeIndex) + offset
    }
  }
  return segmentCount
}

/** Every range has a quorum of replicas that hold all of it: time to ask for receipts. */
export function isComplete(ranges: readonly RangeState[], segmentCount: number): boolean {
  return everyRange(ranges, segmentCount, (replica, full) => replica.stored === full)
}

/** Every range has a quorum of replicas that hold all of it and signed for it: the file is finalized. */
export function isFinal(ranges: readonly RangeState[], segmentCount: number): boolean {
  return everyRange(ranges, segmentCount, (replica, full) => replica.stored === full && replica.signed)
}

function everyRange(
  ranges: readonly RangeState[],
  segmentCount: number,
  counts: (replica: ReplicaState, full: SegmentMask) => boolean,
): boolean {
  if (ranges.length !== rangeCount(segmentCount)) return false
  return ranges.every((range) => {
    const full = fullMask(segmentCount, range.rangeIndex)
    return range.replicas.filter((replica) => counts(replica, full)).length >= range.quorum
  })
}
