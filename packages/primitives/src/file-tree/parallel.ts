import { concatBytes } from '../bytes.ts'
import { defaultHasher } from './default-hasher.ts'
import { assembleFileTree, type FileTree } from './file-tree.ts'
import type { TreeHasher } from './hasher.ts'
import { SEGMENT_BYTES } from './layout.ts'

/** Hashes full segments elsewhere, e.g. `createKeccakPool` of @zerog/kernels/pool. */
export interface SegmentHasher {
  /** How many segments are worth handing over at once. */
  readonly segmentsAtOnce: number
  segmentRoots(data: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Uint8Array>
}

export type ParallelOptions = { readonly pool: SegmentHasher; readonly hasher?: TreeHasher; readonly signal?: AbortSignal }

/**
 * The tree of a stream of unknown length, hashed by a pool while it is read. Memory: two batches of `pool.segmentsAtOnce` segments
 * and 32 bytes per segment. Throws `RangeError` for an empty file, what the source or the pool throws, or the signal's reason.
 */
export async function fileTreeInPool(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ParallelOptions,
): Promise<FileTree> {
  const { pool, hasher = defaultHasher, signal } = options
  const batchBytes = Math.max(pool.segmentsAtOnce, 1) * SEGMENT_BYTES
  const poolOptions = signal === undefined ? {} : { signal }
  const roots: Uint8Array[] = []
  let batch = new Uint8Array(batchBytes)
  let spare = new Uint8Array(batchBytes)
  let filled = 0
  let hashing: Promise<Uint8Array> | undefined

  const collect = async (): Promise<void> => {
    if (hashing !== undefined) roots.push(await hashing)
    hashing = undefined
  }
  /** Hands the batch over when more bytes follow: the file's last segment is padded by the size of the whole. */
  const handOver = async (): Promise<void> => {
    await collect()
    hashing = pool.segmentRoots(batch, poolOptions)
    // Whoever awaits it hears of a failure; until then it must not count as unhandled.
    hashing.catch(() => undefined)
    ;[batch, spare] = [spare, batch]
    filled = 0
  }

  for await (const bytes of source) {
    signal?.throwIfAborted()
    for (let offset = 0; offset < bytes.length; ) {
      if (filled === batchBytes) await handOver()
      const taken = Math.min(batchBytes - filled, bytes.length - offset)
      batch.set(bytes.subarray(offset, offset + taken), filled)
      filled += taken
      offset += taken
    }
  }
  const fullBytes = Math.floor(Math.max(filled - 1, 0) / SEGMENT_BYTES) * SEGMENT_BYTES
  await collect()
  if (fullBytes > 0) roots.push(await pool.segmentRoots(batch.subarray(0, fullBytes), poolOptions))
  const fullRoots = concatBytes(...roots)
  const sizeBytes = (fullRoots.length / 32) * SEGMENT_BYTES + filled - fullBytes
  return assembleFileTree({ sizeBytes, fullRoots, lastSegment: batch.subarray(fullBytes, filled) }, hasher)
}
