import type { Clock } from '@zerog/ports'
import { budget, equalBytes, ZerogError } from '@zerog/primitives'
import {
  IDEMPOTENCY_KEY_CHARS_MAX,
  PIECE_BYTES_MAX,
  SQL_BATCH_MAX,
  SQL_WAITING_MAX,
  UPLOAD_BYTES_IN_FLIGHT_MAX,
  UPLOADS_WAITING_MAX,
} from '../../core/disperser/limits.ts'
import { partLengths } from '../../core/disperser/packer.ts'
import { type StepTraces, traced } from '../traced.ts'
import { batcher } from './batcher.ts'
import type { BlobBytes } from './blob-bytes.ts'
import type { BlobRecord, BlobView, DisperserRepository } from './repository.ts'

export type AcceptRules = {
  readonly instance: number
  readonly blobBytesMax: number
  readonly bundleBytesMax: number
  readonly retentionSeconds: number
  readonly retentionSecondsMax: number
}

export type Upload = {
  readonly id: string
  /** As announced; the chunks must be so many bytes. */
  readonly sizeBytes: number
  /** 20 bytes. */
  readonly account: Uint8Array
  readonly idempotencyKey: string | undefined
  /** 0: the network's default. */
  readonly retentionSeconds: number
  readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  readonly signal: AbortSignal
}

/** Incremental SHA-256. */
export type Hasher = () => { update(bytes: Uint8Array): void; digest(): Uint8Array }

/**
 * Terms that bundles have, seconds: an hour, a day, a week, 30 and 90 days, a year. What was asked is rounded up, so that blobs of many
 * wishes still share bundles.
 */
const TERMS = [3_600, 86_400, 604_800, 2_592_000, 7_776_000, 31_536_000]

/** Durable bytes first, then the row, then the answer. The same idempotency key gives the blob that it gave before. */
export function createAcceptor(
  rules: AcceptRules,
  deps: {
    readonly repository: DisperserRepository
    readonly bytes: BlobBytes
    readonly clock: Clock
    readonly hasher: Hasher
    readonly traces?: StepTraces
    readonly onAccepted: (blob: BlobRecord) => void
    /** The database may have a blob or not: what waits there has to be read again. */
    readonly onDoubt: () => void
  },
) {
  const room = budget({ max: UPLOAD_BYTES_IN_FLIGHT_MAX, queueMax: UPLOADS_WAITING_MAX })
  const insert = batcher(deps.repository.acceptBlobs, { batchMax: SQL_BATCH_MAX, waitingMax: SQL_WAITING_MAX })

  async function accept(upload: Upload): Promise<BlobView> {
    checkUpload(upload, rules)
    const giveBack = await room.take(Math.min(upload.sizeBytes, 2 * PIECE_BYTES_MAX), upload.signal)
    const writer = deps.bytes.write(upload.id)
    let record: BlobRecord | undefined
    try {
      const sha256 = await traced(deps.traces, 'keep bytes', () =>
        store(upload, { put: writer.piece, space: deps.bytes.space }, deps.hasher()),
      )
      const made: BlobRecord = {
        id: upload.id,
        owner: rules.instance,
        sizeBytes: upload.sizeBytes,
        sha256,
        account: upload.account,
        retentionSeconds: termOf(upload.retentionSeconds, rules),
        idempotencyKey: upload.idempotencyKey,
        acceptedAtMs: deps.clock.nowMs(),
        partLengths: partLengths(upload.sizeBytes, rules.bundleBytesMax),
      }
      record = made
      const present = await traced(deps.traces, 'insert blob', () => insert(made))
      if (present === undefined) {
        deps.onAccepted(made)
        return asView(made)
      }
      await writer.discard()
      if (!equalBytes(present.sha256, sha256)) throw otherBytes(present)
      return present
    } catch (error) {
      // What failed before its row was written is nobody's. A row whose answer was lost is accepted all the same: nobody else would drive it.
      const found = await lookUp(upload.id)
      if (found === 'nothing') await writer.discard().catch(() => {})
      else if (found === 'unknown') deps.onDoubt()
      else if (record !== undefined) {
        deps.onAccepted(record)
        return found
      }
      throw error
    } finally {
      giveBack()
    }
  }

  async function lookUp(id: string): Promise<BlobView | 'nothing' | 'unknown'> {
    return deps.repository.blobs([id]).then(
      ([found]) => found ?? 'nothing',
      () => 'unknown',
    )
  }

  return { accept, waiting: () => room.waiting(), usedBytes: () => room.used() }
}

/** Cuts the chunks into pieces; a piece is written while the next one arrives. */
async function store(
  upload: Upload,
  { put, space }: { readonly put: (piece: Uint8Array) => Promise<void>; readonly space: (bytes: number) => Uint8Array },
  hash: ReturnType<Hasher>,
): Promise<Uint8Array> {
  let piece = space(Math.min(upload.sizeBytes, PIECE_BYTES_MAX))
  let filled = 0
  let left = upload.sizeBytes
  let writing: Promise<void> = Promise.resolve()
  for await (const given of upload.chunks) {
    upload.signal.throwIfAborted()
    if (given.length > left) throw wrongSize(upload.sizeBytes)
    left -= given.length
    hash.update(given)
    for (let chunk = given; chunk.length > 0; ) {
      const part = chunk.subarray(0, piece.length - filled)
      piece.set(part, filled)
      filled += part.length
      chunk = chunk.subarray(part.length)
      if (filled < piece.length) continue
      await writing
      writing = put(piece)
      writing.catch(() => {}) // awaited below or before the next piece
      piece = space(Math.min(left + chunk.length, PIECE_BYTES_MAX))
      filled = 0
    }
  }
  await writing
  if (left !== 0) throw wrongSize(upload.sizeBytes)
  return hash.digest()
}

function checkUpload({ sizeBytes, idempotencyKey, account, retentionSeconds }: Upload, rules: AcceptRules): void {
  if (sizeBytes < 1) throw invalid('size_bytes', 'a blob has at least one byte')
  if (sizeBytes > rules.blobBytesMax) {
    throw new ZerogError('LIMIT_EXCEEDED', {
      message: `a blob has at most ${rules.blobBytesMax} bytes here, not ${sizeBytes}; split it`,
      metadata: { parameter: 'size_bytes', limit: String(rules.blobBytesMax) },
    })
  }
  if (account.length !== 20) throw invalid('account', 'an account has 20 bytes')
  if (idempotencyKey !== undefined && !/^[\x21-\x7e]+$/.test(idempotencyKey)) {
    throw invalid('idempotency_key', 'an idempotency key is printable ASCII without spaces')
  }
  if (idempotencyKey !== undefined && idempotencyKey.length > IDEMPOTENCY_KEY_CHARS_MAX) {
    throw invalid('idempotency_key', `an idempotency key has at most ${IDEMPOTENCY_KEY_CHARS_MAX} characters`)
  }
  if (retentionSeconds > rules.retentionSecondsMax) {
    throw new ZerogError('LIMIT_EXCEEDED', {
      message: `rows are kept for at most ${rules.retentionSecondsMax} seconds here, not ${retentionSeconds}`,
      metadata: { parameter: 'retention_seconds', limit: String(rules.retentionSecondsMax) },
    })
  }
}

/** The shortest term of the network that is as long as asked. */
export function termOf(seconds: number, rules: Pick<AcceptRules, 'retentionSeconds' | 'retentionSecondsMax'>): number {
  const asked = seconds === 0 ? rules.retentionSeconds : seconds
  return Math.min(TERMS.find((term) => term >= asked) ?? asked, Math.max(rules.retentionSecondsMax, asked))
}

function asView({ partLengths: lengths, ...record }: BlobRecord): BlobView {
  const empty = {
    bundleId: undefined,
    index: 0,
    statement: undefined,
    certifiedAtMs: undefined,
    finalizedAtMs: undefined,
    transactionHash: undefined,
  }
  return { ...record, failure: undefined, parts: lengths.map((lengthBytes) => ({ lengthBytes, ...empty })) }
}

function otherBytes({ id }: BlobView): ZerogError {
  return new ZerogError('ALREADY_EXISTS', {
    message: `the idempotency key belongs to blob ${id}, which has other bytes; choose a new key`,
    metadata: { id },
  })
}

function wrongSize(announced: number): ZerogError {
  return invalid('size_bytes', `${announced} bytes were announced and another number came`)
}

function invalid(parameter: string, message: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message, metadata: { parameter } })
}
