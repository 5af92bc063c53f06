import { parentPort } from 'node:worker_threads'
import { subtreeRoot } from './keccak.ts'
import type { SegmentJob, SegmentResult } from './keccak-pool.ts'
import { SEGMENT_BYTES, SEGMENT_HEIGHT } from './limits.ts'

/** Hashes the segments of a job and gives its buffer back. */
parentPort?.on('message', ({ buffer, segmentCount }: SegmentJob) => {
  const roots = new Uint8Array(segmentCount * 32)
  for (let index = 0; index < segmentCount; index++) {
    roots.set(subtreeRoot(new Uint8Array(buffer, index * SEGMENT_BYTES, SEGMENT_BYTES), SEGMENT_HEIGHT), index * 32)
  }
  const result: SegmentResult = { buffer, roots }
  parentPort?.postMessage(result, [buffer, roots.buffer])
})
