import { setFlagsFromString } from 'node:v8'

/**
 * Counts buffers beside the heap towards the heap's own limit. By default V8 begins a collection of the whole heap at each 64 MB of buffers,
 * however little they are against the heap: every second or third bundle of 4 MiB paid for one (ADR 0164). For the whole process, at any time.
 */
export function countBuffersWithHeap(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit')
}
