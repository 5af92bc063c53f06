import { assert, REASONS, type Reason, toHex, ZerogError } from '@zerog/primitives'
import type { Context } from '../client.ts'
import { throwIfCancelled } from '../errors.ts'
import { openSource } from '../storage/source.ts'
import { askDa, jsonOf, type Waiting } from './rest.ts'
import type { DaBlob, DaBundleRef, DaCertificate, DaCommittee, DaQuote } from './types.ts'

/** What can be dispersed: bytes, a browser's File or Blob, or a path where there is a file system. */
export type DaSource = Uint8Array | Blob | { readonly path: string }

export type DisperseOptions = Waiting & {
  /** When to return: at once (`queued`), with the certificate, or with its finalized transaction. Default `finalized`. */
  readonly wait?: 'queued' | 'certified' | 'finalized'
  /** The same key with the same bytes answers the same blob, so that a call can be repeated. Default: none. */
  readonly idempotencyKey?: string
  /** How long the nodes keep it. Default: the network's. */
  readonly retentionSeconds?: number
}

const TIMEOUT_MS = 120_000
/** How long one request waits at the gateway for a change. */
const ROUND_MS = 20_000

/**
 * Hands a blob to data availability.
 * @example const blob = await disperse(context, bytes, { wait: 'certified' })
 * @throws ZerogError with the network's reason where it gave up, and what the gateway refuses
 */
export async function disperse(context: Context, source: DaSource, options: DisperseOptions = {}): Promise<DaBlob> {
  const body = await bodyOf(source)
  const blob = await jsonOf<DaBlob>(
    askDa(
      context,
      {
        method: 'POST',
        path: '/blobs',
        query: { retentionSeconds: options.retentionSeconds },
        headers: {
          'content-type': 'application/octet-stream',
          ...(options.idempotencyKey === undefined ? {} : { 'idempotency-key': options.idempotencyKey }),
        },
        body,
      },
      { timeoutMs: TIMEOUT_MS, ...options },
    ),
  )
  const { wait = 'finalized' } = options
  return wait === 'queued' ? blob : waitForBlob(context, blob.id, { ...options, wait })
}

/** The blob once it is certified or finalized. @throws ZerogError DEADLINE_EXCEEDED, and as `disperse` */
export async function waitForBlob(
  context: Context,
  id: string,
  options: Waiting & { readonly wait?: 'certified' | 'finalized' } = {},
): Promise<DaBlob> {
  const { wait = 'finalized', timeoutMs = TIMEOUT_MS, signal } = options
  const until = Date.now() + timeoutMs
  for (;;) {
    throwIfCancelled(signal)
    const leftMs = until - Date.now()
    const round = Math.max(Math.min(leftMs, ROUND_MS), 1)
    const request = { path: `/blobs/${encodeURIComponent(id)}`, query: { wait, timeoutMs: round } }
    const blob = await jsonOf<DaBlob>(
      askDa(context, request, { ...(signal === undefined ? {} : { signal }), timeoutMs: round + 10_000 }),
    )
    if (blob.state === 'failed') throw failed(blob)
    if (blob.state === 'finalized' || blob.state === wait) return blob
    if (leftMs > 0) continue
    throw new ZerogError('DEADLINE_EXCEEDED', {
      message: `blob ${id} is ${blob.state} after ${timeoutMs} ms; it is not lost: ask for it again`,
      metadata: { id, state: blob.state },
    })
  }
}

/** The blob as it is now. @throws ZerogError NOT_FOUND */
export function getBlob(context: Context, id: string, waiting: Waiting = {}): Promise<DaBlob> {
  return jsonOf(askDa(context, { path: `/blobs/${encodeURIComponent(id)}` }, waiting))
}

/**
 * The bytes of a blob that was dispersed here, or of a range of it. A whole blob is checked against its hash.
 * @param options.sha256 what it must be, from whoever trusts it; default: what the disperser says
 * @throws ZerogError VERIFICATION_FAILED, NOT_FOUND, WRONG_STATE before it is certified
 */
export async function retrieve(
  context: Context,
  id: string,
  options: Waiting & { readonly range?: { readonly start: number; readonly end: number }; readonly sha256?: string } = {},
): Promise<Uint8Array> {
  const { range, ...waiting } = options
  const headers = range === undefined ? {} : { range: `bytes=${range.start}-${range.end - 1}` }
  const answer = await askDa(
    context,
    { path: `/blobs/${encodeURIComponent(id)}/data`, headers },
    { timeoutMs: TIMEOUT_MS, ...waiting },
  )
  const bytes = new Uint8Array(await answer.arrayBuffer())
  if (range !== undefined) return bytes
  const expected = (options.sha256 ?? answer.headers.get('etag') ?? '').replaceAll('"', '').replace(/^0x/, '')
  const actual = toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))).slice(2)
  if (actual === expected) return bytes
  throw new ZerogError('VERIFICATION_FAILED', {
    message: `the bytes that came back have the hash ${actual}, not ${expected}; ask another gateway`,
    metadata: { id },
  })
}

/** What the committee signed for a bundle. @throws ZerogError NOT_FOUND before two thirds of the stake did */
export function getCertificate(
  context: Context,
  { commitment, epoch }: DaBundleRef,
  waiting: Waiting = {},
): Promise<DaCertificate> {
  return jsonOf(askDa(context, { path: `/bundles/${commitment}/certificate`, query: { epoch } }, waiting))
}

/** Members of the newest committee, or of an epoch's. */
export function getCommittee(context: Context, options: Waiting & { readonly epoch?: number } = {}): Promise<DaCommittee> {
  return jsonOf(askDa(context, { path: '/committee', query: { epoch: options.epoch } }, options))
}

/** What a blob of this size costs, and the shape of its bundle. */
export function quote(
  context: Context,
  options: Waiting & { readonly sizeBytes: number; readonly retentionSeconds?: number },
): Promise<DaQuote> {
  const { sizeBytes, retentionSeconds, ...waiting } = options
  return jsonOf(askDa(context, { path: '/quote', query: { sizeBytes, retentionSeconds } }, waiting))
}

function failed({ id, failure }: DaBlob): ZerogError {
  const known = failure !== undefined && failure.reason in REASONS
  return new ZerogError(known ? (failure.reason as Reason) : 'DEPENDENCY_UNAVAILABLE', {
    message: `blob ${id} could not be made available: ${failure?.message ?? 'no reason is known'}`,
    metadata: { id },
  })
}

async function bodyOf(source: DaSource): Promise<Uint8Array | Blob> {
  if (source instanceof Uint8Array || source instanceof Blob) return source
  // The reader of files that storage has says what is wrong with a path.
  await (await openSource(source)).close()
  // Asked for at run time so that bundlers for browsers find no node module here.
  const blob = await globalThis.process?.getBuiltinModule?.('node:fs').openAsBlob(source.path)
  assert(blob !== undefined, 'where a path was opened there is a file system')
  return blob
}
