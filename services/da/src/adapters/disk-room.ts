import { statfsSync } from 'node:fs'

/** Kept free for the log's own tombstones and for whoever else writes here. */
const RESERVE_BYTES = 256 * 1024 * 1024

/** Bytes that the disk under `folder` still takes; a look costs microseconds. */
export function diskRoom(folder: string): () => number {
  return () => {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize - RESERVE_BYTES
  }
}
