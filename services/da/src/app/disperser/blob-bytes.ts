import { sha256 } from '@zerog/kernels'
import type { BlobStore } from '@zerog/ports'
import { bigintToBytes, concatBytes, toHex, ZerogError } from '@zerog/primitives'
import { BYTES_KEPT_MAX, PIECE_BYTES_MAX, PIECE_SHELVED_BYTES_MIN, PIECES_KEPT_BYTES } from '../../core/disperser/limits.ts'
import { createShelf } from '../shelf.ts'

const NAME_BYTES = 16

/** The bytes of accepted blobs: on disk, and in memory as long as there is room and their bundle is not coded. */
export type BlobBytes = {
  /** Pieces of one blob in order, each of 4 MiB but the last. `piece` is durable when its promise resolves. */
  write(blobId: string): { piece(bytes: Uint8Array): Promise<void> /** Takes back what was written. */; discard(): Promise<void> }
  /** The bytes of a range, one view after the other. @throws ZerogError RECORD_CORRUPT where the disk does not have them */
  read(blobId: string, range: { readonly offset: number; readonly lengthBytes: number }): Promise<readonly Uint8Array[]>
  /** All bytes of a blob, views, where they are in memory. */
  kept(blobId: string, sizeBytes: number): readonly Uint8Array[] | undefined
  /** Memory for a piece, whatever it holds. */
  space(bytes: number): Uint8Array
  /** As `release`, of bytes that nobody looks at any more: their memory holds the next pieces. */
  recycle(blobId: string): void
  /** From memory only. */
  release(blobId: string): void
  /** From disk as well. */
  forget(blobId: string, sizeBytes: number): Promise<void>
  /** Names on disk of whatever no longer belongs to a blob: left by uploads that a crash cut off. */
  sweep(kept: () => Promise<ReadonlySet<string>>): Promise<number>
}

export function blobBytes(store: BlobStore): BlobBytes {
  const shelf = createShelf(PIECES_KEPT_BYTES, (bytes) => new ArrayBuffer(bytes))
  const kept = new Map<string, Uint8Array[]>()
  let keptBytes = 0

  function release(blobId: string): void {
    for (const piece of kept.get(blobId) ?? []) keptBytes -= piece.length
    kept.delete(blobId)
  }

  async function pieceAt(blobId: string, index: number): Promise<Uint8Array> {
    const piece = kept.get(blobId)?.[index] ?? (await store.get(keyOf(blobId, index)))
    if (piece !== undefined) return piece
    throw new ZerogError('RECORD_CORRUPT', {
      message: `the store of this disperser has lost piece ${index} of blob ${blobId}; restore its data folder`,
      metadata: { blobId },
    })
  }

  return {
    write(blobId) {
      let count = 0
      const pieces: Uint8Array[] = []
      return {
        async piece(bytes) {
          const index = count++
          if (keptBytes + bytes.length <= BYTES_KEPT_MAX && pieces.length === index) {
            pieces.push(bytes)
            keptBytes += bytes.length
            kept.set(blobId, pieces)
          }
          await store.put(keyOf(blobId, index), bytes)
        },
        async discard() {
          release(blobId)
          for (let index = 0; index < count; index++) await store.delete(keyOf(blobId, index))
        },
      }
    },
    async read(blobId, { offset, lengthBytes }) {
      const out: Uint8Array[] = []
      for (let filled = 0; filled < lengthBytes; ) {
        const at = offset + filled
        const piece = await pieceAt(blobId, Math.floor(at / PIECE_BYTES_MAX))
        const part = piece.subarray(at % PIECE_BYTES_MAX, (at % PIECE_BYTES_MAX) + lengthBytes - filled)
        if (part.length === 0)
          throw new ZerogError('RECORD_CORRUPT', { message: `blob ${blobId} is shorter on disk than it was accepted` })
        out.push(part)
        filled += part.length
      }
      return out
    },
    space: (bytes) => (bytes < PIECE_SHELVED_BYTES_MIN ? new Uint8Array(bytes) : shelf.take(bytes)),
    recycle(blobId) {
      for (const piece of kept.get(blobId) ?? []) if (piece.length >= PIECE_SHELVED_BYTES_MIN) shelf.keep(piece)
      release(blobId)
    },
    kept(blobId, sizeBytes) {
      const pieces = kept.get(blobId) ?? []
      return pieces.reduce((sum, piece) => sum + piece.length, 0) === sizeBytes ? pieces : undefined
    },
    release,
    async forget(blobId, sizeBytes) {
      release(blobId)
      for (let index = 0; index * PIECE_BYTES_MAX < sizeBytes; index++) await store.delete(keyOf(blobId, index))
    },
    async sweep(keptNames) {
      const names = new Map<string, Uint8Array[]>()
      for (const key of store.keys()) {
        const name = nameOf(key)
        names.set(name, [...(names.get(name) ?? []), key])
      }
      const keep = await keptNames()
      let dropped = 0
      for (const [name, keys] of names) {
        if (keep.has(name)) continue
        for (const key of keys) await store.delete(key)
        dropped++
      }
      return dropped
    },
  }
}

/** What `sweep` calls a blob. */
export function storeName(blobId: string): string {
  return nameOf(keyOf(blobId, 0))
}

/** Ids may be longer than keys. */
function keyOf(blobId: string, piece: number): Uint8Array {
  return concatBytes(sha256(new TextEncoder().encode(blobId)).subarray(0, NAME_BYTES), bigintToBytes(BigInt(piece), 4))
}

function nameOf(key: Uint8Array): string {
  return toHex(key.subarray(0, NAME_BYTES))
}
