import { SEGMENT_BYTES } from '@zerog/primitives'

/** Segments that hold bytes of a file of this size (1 or more). */
export function segmentCountOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / SEGMENT_BYTES)
}
