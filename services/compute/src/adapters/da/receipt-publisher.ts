import { createHash } from 'node:crypto'
import type { Client, Rpc } from '@zerog/ports'
import { bytesToBigint, toHex, ZerogError } from '@zerog/primitives'
import { type Blob, BlobState, DisperserServiceDefinition } from '@zerog/proto/da'
import type { Publication, ReceiptPublisher } from '../../app/broker/settlement.ts'

/** Bytes of one message of the upload. */
const CHUNK_BYTES = 512 * 1024
/** From the upload to a finalized certificate. */
const FINAL_MS = 120_000

/** Publishes batches as blobs of this installation's data availability; done when their certificate is in a finalized block. */
export function daReceiptPublisher(rpc: Rpc): ReceiptPublisher {
  const disperser = rpc.client(DisperserServiceDefinition, 'da-disperser')
  return {
    async publish(bytes, signal) {
      // The same batch has the same key, so a second publication finds the first, unless that one was given up.
      const digest = createHash('sha256').update(bytes).digest('hex')
      for (let attempt = 0; ; attempt++) {
        const state = await disperse(disperser, bytes, { idempotencyKey: `${digest}-${attempt}`, signal })
        if (state.state === BlobState.BLOB_STATE_FINALIZED) return publicationOf(state)
        if (attempt === ATTEMPTS_MAX - 1) throw failed(state)
      }
    },
  }
}

/** Blobs of one batch that may fail before the operator is asked. */
const ATTEMPTS_MAX = 16

/** The blob when it is final or given up. */
async function disperse(
  disperser: Client<DisperserServiceDefinition>,
  bytes: Uint8Array,
  { idempotencyKey, signal }: { readonly idempotencyKey: string; readonly signal: AbortSignal },
): Promise<Blob> {
  const { blob } = await disperser.disperse(requests(bytes, idempotencyKey), { signal, timeoutMs: FINAL_MS })
  if (blob === undefined) throw malformed('no blob')
  const ended = ({ state }: Blob) => state === BlobState.BLOB_STATE_FINALIZED || state === BlobState.BLOB_STATE_FAILED
  if (ended(blob)) return blob
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(FINAL_MS)])
  for await (const { blob: now } of disperser.watchBlob({ id: blob.id }, { signal: deadline })) {
    if (now !== undefined && ended(now)) return now
  }
  throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: `blob ${blob.id} is not final yet`, retryAfterMs: 1000 })
}

async function* requests(bytes: Uint8Array, idempotencyKey: string) {
  const options = { sizeBytes: BigInt(bytes.length), idempotencyKey, account: Buffer.alloc(0), retentionSeconds: 0 }
  for (let offset = 0; offset === 0 || offset < bytes.length; offset += CHUNK_BYTES) {
    const chunk = Buffer.from(bytes.subarray(offset, offset + CHUNK_BYTES))
    yield offset === 0 ? { options, chunk } : { options: undefined, chunk }
  }
}

/** A batch is far below the size of a bundle, so it has one part. */
function publicationOf(blob: Blob): Publication {
  const header = blob.parts[0]?.header
  if (
    blob.parts.length !== 1 ||
    header === undefined ||
    header.commitment.length !== 32 ||
    bytesToBigint(header.commitment) === 0n
  ) {
    throw malformed(`a final blob of ${blob.parts.length} parts`)
  }
  return { dataRoot: toHex(header.commitment), epoch: header.epoch, quorumId: header.quorumId }
}

function failed({ id, failureReason, failureMessage }: Blob): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', { message: `blob ${id} failed (${failureReason}): ${failureMessage}` })
}

function malformed(what: string): ZerogError {
  return new ZerogError('VERIFICATION_FAILED', { message: `the disperser answered ${what}; check which release it runs` })
}
