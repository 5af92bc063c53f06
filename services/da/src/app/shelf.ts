/**
 * Memory that was used, for the next one who needs as much: fresh memory is cleared page by page and counts as garbage when it is left, and
 * enough of that starts a collection of the whole heap (ADR 0156).
 */
export type Shelf<M extends ArrayBuffer | SharedArrayBuffer> = {
  /** Exactly so many bytes, not cleared. */
  take(bytes: number): Uint8Array<M>
  /** Only of what nobody looks at any more. */
  keep(taken: Uint8Array): void
}

/** @param bytesMax of all memory that is kept; what came first goes first */
export function createShelf<M extends ArrayBuffer | SharedArrayBuffer>(bytesMax: number, make: (bytes: number) => M): Shelf<M> {
  const kept: M[] = []
  return {
    take(bytes) {
      const found = kept.findIndex(({ byteLength }) => byteLength >= bytes && byteLength <= 2 * bytes)
      const memory = found < 0 ? make(bytes) : (kept.splice(found, 1)[0] as M) // it was found
      return new Uint8Array(memory, 0, bytes)
    },
    keep({ buffer }) {
      kept.push(buffer as M) // as taken
      while (kept.reduce((sum, { byteLength }) => sum + byteLength, 0) > bytesMax) kept.shift()
    },
  }
}
