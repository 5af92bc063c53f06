import { buildBundle, type Committee, type Statement } from '@zerog/availability'
import { assert, budget, ZerogError } from '@zerog/primitives'
import { BUNDLE_BYTES_IN_FLIGHT_MAX } from '../../core/disperser/limits.ts'
import type { BlobBytes } from './blob-bytes.ts'
import type { BundleRecord, DisperserRepository } from './repository.ts'

/** What the driver knows of a bundle that is under way. */
export type LiveBundle = {
  record: BundleRecord
  committee: Committee
  readonly createdMs: number
  statement: Statement | undefined
  /** The statement is in the repository. */
  codeSaved: Promise<unknown>
  bytes: Promise<HeldBundle> | undefined
  /** Its certificate is known to everybody. */
  certified: boolean
}

export type HeldBundle = { readonly bundle: Uint8Array; readonly blobIds: readonly string[]; readonly release: () => void }

/** Puts bundles together out of the bytes of their blobs, within a budget. */
export function bundleBuilder(deps: { readonly repository: DisperserRepository; readonly bytes: BlobBytes }) {
  const room = budget({ max: BUNDLE_BYTES_IN_FLIGHT_MAX, queueMax: Number.MAX_SAFE_INTEGER })

  async function build(record: BundleRecord, signal: AbortSignal): Promise<HeldBundle> {
    const release = await room.take(2 * record.payloadBytes, signal)
    try {
      const parts = await deps.repository.bundleParts(record.id)
      const blobs = await Promise.all(
        parts.map(async ({ blobId, offset, lengthBytes, account }) => ({
          bytes: await deps.bytes.read(blobId, { offset, lengthBytes }),
          account,
        })),
      )
      if (blobs.length === 0) throw new ZerogError('WRONG_STATE', { message: `bundle ${record.id} has no parts` })
      const bundle = buildBundle(blobs)
      assert(bundle.length === record.payloadBytes, 'a bundle is put together the same way each time')
      return { bundle, blobIds: [...new Set(parts.map(({ blobId }) => blobId))], release }
    } catch (error) {
      release()
      throw error
    }
  }

  return { build }
}
export type BundleBuilder = ReturnType<typeof bundleBuilder>
