import {
  assignRows,
  type BlobEntry,
  type Committee,
  listBytesOf,
  parseBundleList,
  readBlobCount,
  type Statement,
  splitQuorumId,
} from '@zerog/availability'
import type { RowProof } from '@zerog/erasure'
import type { Clock, Logger, Meter, Random } from '@zerog/ports'
import { budget, equalBytes, toHex, ZerogError } from '@zerog/primitives'
import { createLatency } from '../../core/retrieval/latency.ts'
import { createStanding, shuffleByStake } from '../../core/retrieval/standing.ts'
import {
  CODES_KEPT_MAX,
  LISTS_KEPT_BYTES,
  READ_BYTES_IN_FLIGHT_MAX,
  READ_QUEUE_MAX,
  READ_WINDOW_BYTES,
  RESTORE_BYTES_MAX,
  SAMPLES_MAX,
} from '../../limits.ts'
import { boundedCache } from '../bounded-cache.ts'
import type { Committees } from '../committees.ts'
import type { RowChecker, RowRestorer } from '../row-checker.ts'
import { type BundleReader, openBundle } from './bundle-reader.ts'
import { findCode, type KnownCode } from './find-code.ts'
import { gatherRows } from './gather.ts'
import { retrieverMetrics } from './metrics.ts'
import type { SourceConnector } from './sources.ts'

export type RetrieverOptions = {
  /** Bounds of the time after which others are asked beside a slow member. */
  readonly hedgeMsMin: number
  readonly hedgeMsMax: number
}

export type RetrieverDeps = {
  readonly committees: Committees
  readonly connect: SourceConnector
  readonly checker: RowChecker
  readonly restorer: RowRestorer
  /** An incremental SHA-256. */
  readonly sha256: () => { update(bytes: Uint8Array): void; digest(): Uint8Array }
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly meter: Meter
}

export type BlobName = { readonly commitment: Uint8Array; readonly epoch: bigint; readonly quorumId: bigint }

/** Reads bundles out of the members alone; every byte is verified against the commitment. */
export type Retriever = {
  /**
   * A range of one blob, in pieces of at most 1 MiB; length 0: to the end. A blob that is read whole is compared with the hash of its
   * entry before its last piece.
   * @throws ZerogError NOT_FOUND, BUNDLE_EXPIRED, ROWS_INSUFFICIENT; ENCODING_INVALID, PAYLOAD_INVALID where the disperser is to blame;
   *   INVALID_ARGUMENT for a range outside
   */
  retrieve(
    blob: BlobName,
    range: { readonly offset: number; readonly length: number },
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array>
  /** Rows as members have them, never restored ones; at the end those that nobody brought. */
  sample(
    request: { readonly commitment: Uint8Array; readonly epoch: bigint; readonly indexes: readonly number[] },
    signal: AbortSignal,
  ): Promise<{ readonly rows: readonly RowProof[]; readonly missing: readonly number[] }>
  code(name: { readonly commitment: Uint8Array; readonly epoch: bigint }, signal: AbortSignal): Promise<KnownCode>
  /** The original rows of a bundle from everybody but one member: how that one gets its own back. */
  recover(bundle: Statement, without: Uint8Array, signal: AbortSignal): Promise<Uint8Array>
  /** Reads that run. */
  busy(): number
}

/** There is one committee per epoch. */
const COMMITTEE = 0

export function createRetriever(options: RetrieverOptions, deps: RetrieverDeps): Retriever {
  const { committees, clock, random } = deps
  const standing = createStanding()
  const latency = createLatency({ minMs: options.hedgeMsMin, maxMs: options.hedgeMsMax })
  const metrics = retrieverMetrics(deps.meter)
  const reads = budget({ max: READ_BYTES_IN_FLIGHT_MAX, queueMax: READ_QUEUE_MAX })
  const restoring = budget({ max: RESTORE_BYTES_MAX, queueMax: READ_QUEUE_MAX })
  const codes = boundedCache<KnownCode>(CODES_KEPT_MAX, () => 1)
  const lists = boundedCache<BundleList>(LISTS_KEPT_BYTES, ({ head }) => head.length)
  const gathering = { ...deps, standing, latency, metrics }
  let running = 0

  const orderOf = (committee: Committee) => shuffleByStake(committee.members, standing, (bound) => random.below(bound))

  async function knownCode(
    { commitment, committee, order }: { commitment: Uint8Array; committee: Committee; order: readonly number[] },
    signal: AbortSignal,
  ): Promise<KnownCode> {
    const key = `${toHex(commitment)}/${committee.epoch}`
    const known = codes.get(key)
    if (known !== undefined) return known
    const found = await findCode({ commitment, committee, order, signal }, gathering)
    codes.set(key, found)
    return found
  }

  async function listOf(reader: BundleReader, commitment: Uint8Array, signal: AbortSignal): Promise<BundleList> {
    const key = toHex(commitment)
    const known = lists.get(key)
    if (known !== undefined) return known
    const list = await readList(reader, signal)
    lists.set(key, list)
    return list
  }

  async function* retrieve(
    { commitment, epoch, quorumId }: BlobName,
    asked: { readonly offset: number; readonly length: number },
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const { committee: id, blobIndex } = splitQuorumId(quorumId)
    const committee = await committees.committeeOf({ epoch, committee: id })
    const order = orderOf(committee)
    const { code } = await knownCode({ commitment, committee, order }, signal)
    const giveBack = await reads.take(Math.min(2 * READ_WINDOW_BYTES, code.k * code.rowBytes), signal)
    const reader = openBundle({ code, committee, order }, { ...gathering, restoring })
    try {
      const entry = entryAt(await listOf(reader, commitment, signal), blobIndex)
      const range = rangeOf(entry, asked)
      const pieces = reader.read(range, signal)
      yield* range.lengthBytes === entry.length ? checked(pieces, entry, deps.sha256()) : pieces
    } finally {
      reader.close()
      giveBack()
    }
  }

  return {
    async *retrieve(blob, range, signal) {
      const startedMs = clock.monotonicMs()
      let outcome: 'ok' | 'failed' = 'failed'
      running++
      try {
        yield* retrieve(blob, range, signal)
        outcome = 'ok'
      } finally {
        running--
        metrics.retrieved(outcome, (clock.monotonicMs() - startedMs) / 1000)
      }
    },
    async sample({ commitment, epoch, indexes }, signal) {
      const committee = await committees.committeeOf({ epoch, committee: COMMITTEE })
      const order = orderOf(committee)
      const { code } = await knownCode({ commitment, committee, order }, signal)
      const wanted = [...new Set(indexes)]
      checkSamples(wanted, code.k + code.n)
      const found = new Map<number, RowProof>()
      const keep = (row: RowProof) => void found.set(row.index, row)
      const assignment = assignRows(committee, code)
      await gatherRows({ code, committee, assignment, order, wanted, mayRestore: false, keep, signal }, gathering)
      return {
        rows: wanted.flatMap((index) => found.get(index) ?? []),
        missing: wanted.filter((index) => !found.has(index)),
      }
    },
    async code({ commitment, epoch }, signal) {
      const committee = await committees.committeeOf({ epoch, committee: COMMITTEE })
      return knownCode({ commitment, committee, order: orderOf(committee) }, signal)
    },
    async recover(bundle, without, signal) {
      const committee = await committees.committeeOf(bundle)
      const order = orderOf(committee).filter((member) => !equalBytes(committee.members[member]?.key ?? without, without))
      const { commitment } = bundle
      const { code } = await knownCode({ commitment, committee, order }, signal)
      const reader = openBundle({ code, committee, order }, { ...gathering, restoring })
      try {
        return (await reader.rows(signal)).slice()
      } finally {
        reader.close()
      }
    },
    busy: () => running,
  }
}

/** The list at the head of a bundle, checked as a whole, and the size of the payload. */
type BundleList = { readonly head: Uint8Array; readonly payloadBytes: number }

async function readList(reader: BundleReader, signal: AbortSignal): Promise<BundleList> {
  const payloadBytes = await reader.payloadBytes(signal)
  try {
    const start = await readAll(reader, Math.min(listBytesOf(0), payloadBytes), signal)
    const listBytes = listBytesOf(readBlobCount(start, payloadBytes))
    const head = await readAll(reader, listBytes, signal)
    parseBundleList(head, payloadBytes)
    return { head, payloadBytes }
  } catch (error) {
    if (!(error instanceof ZerogError) || error.metadata.check !== 'form') throw error
    throw new ZerogError('PAYLOAD_INVALID', {
      message: `the rows are proven, but hold no list of blobs: ${error.message}; whoever committed wrote it so`,
      cause: error,
    })
  }
}

async function readAll(reader: BundleReader, lengthBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const bytes = new Uint8Array(lengthBytes)
  let filled = 0
  for await (const piece of reader.read({ offset: 0, lengthBytes }, signal)) {
    bytes.set(piece, filled)
    filled += piece.length
  }
  return bytes
}

function entryAt({ head, payloadBytes }: BundleList, index: number): BlobEntry {
  const entry = parseBundleList(head, payloadBytes)[index]
  if (entry !== undefined) return entry
  throw new ZerogError('NOT_FOUND', {
    message: `the bundle has ${readBlobCount(head, payloadBytes)} blobs, and none with index ${index}; check the quorum id`,
    metadata: { index: String(index) },
  })
}

function rangeOf({ offset, length }: BlobEntry, asked: { readonly offset: number; readonly length: number }) {
  const lengthBytes = asked.length === 0 ? length - asked.offset : asked.length
  if (asked.offset < 0 || lengthBytes < 1 || asked.offset + lengthBytes > length) {
    throw new ZerogError('INVALID_ARGUMENT', {
      message: `the range of ${asked.length} bytes at ${asked.offset} is not inside the blob of ${length} bytes`,
      metadata: { sizeBytes: String(length) },
    })
  }
  return { offset: offset + asked.offset, lengthBytes }
}

/** Holds the last piece back until the whole blob is known to be the one of its entry. */
async function* checked(
  pieces: AsyncIterable<Uint8Array>,
  entry: BlobEntry,
  hash: { update(bytes: Uint8Array): void; digest(): Uint8Array },
): AsyncGenerator<Uint8Array> {
  let held: Uint8Array | undefined
  for await (const piece of pieces) {
    hash.update(piece)
    if (held !== undefined) yield held
    held = piece
  }
  if (!equalBytes(hash.digest(), entry.sha256)) {
    throw new ZerogError('PAYLOAD_INVALID', {
      message: 'the rows are proven, but the blob has another hash than its entry; whoever committed wrote it so',
      metadata: { check: 'sha256' },
    })
  }
  if (held !== undefined) yield held
}

function checkSamples(indexes: readonly number[], rowCount: number): void {
  if (indexes.length > SAMPLES_MAX) {
    throw new ZerogError('INVALID_ARGUMENT', { message: `at most ${SAMPLES_MAX} rows are sampled at once` })
  }
  const stranger = indexes.find((index) => index >= rowCount)
  if (stranger === undefined) return
  throw new ZerogError('INVALID_ARGUMENT', { message: `row ${stranger} is none of ${rowCount}` })
}
