import { SPACE_KEPT_MAX } from '../../limits.ts'

/**
 * Shared memory of packs that were written, for the next ones. All members of a process share it: fresh memory is cleared page by page and
 * counts as garbage when it is left, and enough of that starts a collection of the whole heap.
 */
const kept: SharedArrayBuffer[] = []

/** Not cleared: whoever takes it fills all of it before anything is checked or written. */
export function takeSpace(bytes: number): Uint8Array {
  const found = kept.findIndex(({ byteLength }) => byteLength >= bytes && byteLength <= 2 * bytes)
  const space = found < 0 ? new SharedArrayBuffer(bytes) : (kept.splice(found, 1)[0] as SharedArrayBuffer) // it was found
  return new Uint8Array(space, 0, bytes)
}

/** Only of a pack that is written: neither a thread nor a store may look at it any more. */
export function keepSpace(pack: Uint8Array): void {
  kept.push(pack.buffer as SharedArrayBuffer) // as taken
  while (kept.reduce((sum, { byteLength }) => sum + byteLength, 0) > SPACE_KEPT_MAX) kept.shift()
}
