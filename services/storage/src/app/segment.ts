import type { SegmentProof } from '@zerog/primitives'
import type { SegmentKey } from '../core/segment-key.ts'

/** A segment with the proof that it belongs to its file. `data`: its entries that hold bytes of the file. */
export type Segment = SegmentKey & { readonly proof: SegmentProof; readonly data: Uint8Array }
