import { RANGE_SEGMENTS } from '../limits.ts'

/** The segments of a range as bits, segment `rangeIndex * RANGE_SEGMENTS` lowest. Below 2^64. */
export type SegmentMask = bigint

export function rangeOf(segmentIndex: number): number {
  return Math.floor(segmentIndex / RANGE_SEGMENTS)
}

export function rangeCount(segmentCount: number): number {
  return Math.ceil(segmentCount / RANGE_SEGMENTS)
}

export function rangeFirst(rangeIndex: number): number {
  return rangeIndex * RANGE_SEGMENTS
}

/** Segments of a range; only the last range of a file has fewer than RANGE_SEGMENTS. */
export function rangeLength(segmentCount: number, rangeIndex: number): number {
  return Math.min(Math.max(segmentCount - rangeFirst(rangeIndex), 0), RANGE_SEGMENTS)
}

export function fullMask(segmentCount: number, rangeIndex: number): SegmentMask {
  return (1n << BigInt(rangeLength(segmentCount, rangeIndex))) - 1n
}

export function segmentBit(segmentIndex: number): SegmentMask {
  return 1n << BigInt(segmentIndex % RANGE_SEGMENTS)
}

export function maskHas(mask: SegmentMask, segmentIndex: number): boolean {
  return (mask & segmentBit(segmentIndex)) !== 0n
}

/** Indexes of the segments of `mask`, in order. */
export function segmentsOf(mask: SegmentMask, rangeIndex: number): number[] {
  const out: number[] = []
  for (let offset = 0; offset < RANGE_SEGMENTS; offset++) {
    if ((mask >> BigInt(offset)) & 1n) out.push(rangeFirst(rangeIndex) + offset)
  }
  return out
}
