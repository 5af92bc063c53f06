import { bundleList, type Committee, type ListedBlob, type Statement } from '@zerog/availability'
import { assert, budget, ZerogError } from '@zerog/primitives'
import { BLOBS_REMEMBERED_MAX, BUNDLE_BYTES_IN_FLIGHT_MAX } from '../../core/disperser/limits.ts'
import type { Part } from '../../core/disperser/packer.ts'
import type { Hasher } from './accept.ts'
import type { BlobBytes } from './blob-bytes.ts'
import type { BlobRecord, BundleRecord, DisperserRepository } from './repository.ts'

/** What the driver knows of a bundle that is under way. */
export type LiveBundle = {
  record: BundleRecord
  committee: Committee
  readonly createdMs: number
  statement: Statement | undefined
  /** The statement is in the repository. */
  codeSaved: Promise<unknown>
  /** In their order; unknown after a restart. */
  parts: readonly Part[] | undefined
  /** Its certificate is known to everybody. */
  certified: boolean
}

/** A bundle in pieces, which are views. */
export type HeldBundle = {
  readonly pieces: readonly Uint8Array[]
  readonly blobIds: readonly string[]
  /** Nobody else reads the memory of its blobs: each of them has one part. */
  readonly sole: boolean
  readonly release: () => void
}

type ListedPart = { readonly blobId: string; readonly entry: ListedBlob; readonly pieces: readonly Uint8Array[] }

/** Puts bundles together out of the bytes of their blobs: those in memory as they are, those from disk within a budget. */
export function bundleBuilder(deps: {
  readonly repository: DisperserRepository
  readonly bytes: BlobBytes
  readonly hasher: Hasher
}) {
  const room = budget({ max: BUNDLE_BYTES_IN_FLIGHT_MAX, queueMax: Number.MAX_SAFE_INTEGER })
  /** Blobs of one part that were accepted lately: nothing of them has to be asked or hashed again. */
  const accepted = new Map<string, BlobRecord>()

  function remember(blob: BlobRecord): void {
    if (blob.partLengths.length > 1) return
    accepted.set(blob.id, blob)
    if (accepted.size > BLOBS_REMEMBERED_MAX) accepted.delete(accepted.keys().next().value as string) // the oldest; not empty
  }

  /** Undefined where anything of it is not in memory. */
  function fromMemory({ record, parts }: Pick<LiveBundle, 'record' | 'parts'>): HeldBundle | undefined {
    const listed: ListedPart[] = []
    for (const { blobId } of parts ?? []) {
      const blob = accepted.get(blobId)
      const pieces = blob && deps.bytes.kept(blobId, blob.sizeBytes)
      if (blob === undefined || pieces === undefined) return undefined
      const { sizeBytes, sha256, account } = blob
      listed.push({ blobId, entry: { lengthBytes: sizeBytes, sha256, account }, pieces })
    }
    return listed.length === 0 ? undefined : join(record, listed, { sole: true, release: () => {} })
  }

  async function build(record: BundleRecord, signal: AbortSignal): Promise<HeldBundle> {
    const release = await room.take(record.payloadBytes, signal)
    try {
      const parts = await deps.repository.bundleParts(record.id)
      if (parts.length === 0) throw new ZerogError('WRONG_STATE', { message: `bundle ${record.id} has no parts` })
      const listed = await Promise.all(
        parts.map(async ({ blobId, offset, lengthBytes, account }): Promise<ListedPart> => {
          const pieces = await deps.bytes.read(blobId, { offset, lengthBytes })
          const hash = deps.hasher()
          for (const piece of pieces) hash.update(piece)
          return { blobId, entry: { lengthBytes, account, sha256: hash.digest() }, pieces }
        }),
      )
      return join(record, listed, { sole: false, release })
    } catch (error) {
      release()
      throw error
    }
  }

  return { build, fromMemory, remember }
}
export type BundleBuilder = ReturnType<typeof bundleBuilder>

function join(record: BundleRecord, parts: readonly ListedPart[], rest: Pick<HeldBundle, 'sole' | 'release'>): HeldBundle {
  const pieces = [bundleList(parts.map(({ entry }) => entry)), ...parts.flatMap((part) => part.pieces)]
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
  assert(bytes === record.payloadBytes, 'a bundle is put together the same way each time')
  return { pieces, blobIds: [...new Set(parts.map(({ blobId }) => blobId))], ...rest }
}
