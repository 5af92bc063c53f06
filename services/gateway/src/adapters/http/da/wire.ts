import { fromHex, toHex, ZerogError } from '@zerog/primitives'
import { type Blob, BlobState, type Bundle, type Committee, type GetCertificateResponse, type Row } from '@zerog/proto/da'

/** Names of `state` in JSON, by number. */
const STATES: Readonly<Record<number, string>> = {
  [BlobState.BLOB_STATE_QUEUED]: 'queued',
  [BlobState.BLOB_STATE_DISPERSING]: 'dispersing',
  [BlobState.BLOB_STATE_CERTIFIED]: 'certified',
  [BlobState.BLOB_STATE_FINALIZED]: 'finalized',
  [BlobState.BLOB_STATE_FAILED]: 'failed',
}

/** A blob as this face shows it. Heights, sizes and times are numbers; `quorumId` is below 2^53 by its definition. */
export function blobJson(blob: Blob) {
  return {
    id: blob.id,
    state: STATES[blob.state] ?? 'unknown',
    sizeBytes: Number(blob.sizeBytes),
    sha256: toHex(blob.sha256),
    parts: blob.parts.map(({ header, offset, sizeBytes }) => ({
      commitment: toHex(header?.commitment ?? new Uint8Array()),
      epoch: Number(header?.epoch ?? 0),
      quorumId: Number(header?.quorumId ?? 0),
      index: Number((header?.quorumId ?? 0n) >> 32n),
      offset: Number(offset),
      sizeBytes: Number(sizeBytes),
    })),
    ...(blob.failureReason === '' ? {} : { failure: { reason: blob.failureReason, message: blob.failureMessage } }),
    acceptedAtMs: Number(blob.acceptedAtMs),
    ...(blob.certifiedAtMs === 0n ? {} : { certifiedAtMs: Number(blob.certifiedAtMs) }),
    ...(blob.finalizedAtMs === 0n ? {} : { finalizedAtMs: Number(blob.finalizedAtMs) }),
    transactionHashes: blob.transactionHashes.map((hash) => toHex(hash)),
    expiry: Number(blob.expiry),
  }
}

export function bundleJson(bundle: Bundle) {
  return {
    commitment: toHex(bundle.commitment),
    k: bundle.k,
    n: bundle.n,
    rowBytes: bundle.rowBytes,
    payloadBytes: bundle.payloadBytes,
    epoch: Number(bundle.epoch),
    committee: bundle.committee,
    expiry: Number(bundle.expiry),
  }
}

export function certificateJson({ bundle, certificate, index, path, transactionHash }: GetCertificateResponse) {
  return {
    ...(bundle === undefined ? {} : { bundle: bundleJson(bundle) }),
    certificate: toHex(certificate),
    index,
    path: toHex(path),
    ...(transactionHash.length === 0 ? {} : { transactionHash: toHex(transactionHash) }),
  }
}

export function committeeJson({ epoch, committee, root, seed, members }: Committee) {
  return {
    epoch: Number(epoch),
    committee,
    root: toHex(root),
    seed: toHex(seed),
    members: members.map(({ address, stake, key, socket }) => ({
      address: toHex(address),
      stake: String(stake),
      key: toHex(key),
      socket,
    })),
  }
}

/**
 * One row of a sample: u32 index ‖ u32 row bytes ‖ row ‖ u32 path bytes ‖ path, big-endian. A row that no node served has neither bytes
 * nor path. Binary, because a light client pays for every byte.
 */
export function rowFrame(row: Pick<Row, 'index' | 'data' | 'path'>): Buffer {
  const frame = Buffer.alloc(12 + row.data.length + row.path.length)
  frame.writeUInt32BE(row.index, 0)
  frame.writeUInt32BE(row.data.length, 4)
  frame.set(row.data, 8)
  frame.writeUInt32BE(row.path.length, 8 + row.data.length)
  frame.set(row.path, 12 + row.data.length)
  return frame
}

export function readCommitment(text: string): Uint8Array {
  if (/^(0x)?[0-9a-fA-F]{64}$/.test(text)) return fromHex(text.startsWith('0x') ? (text as `0x${string}`) : `0x${text}`)
  throw new ZerogError('INVALID_ARGUMENT', { message: 'a commitment has 32 bytes: 64 hexadecimal digits' })
}

/** A whole number of a query or path. @throws ZerogError INVALID_ARGUMENT */
export function readInteger(
  value: unknown,
  { what, max = Number.MAX_SAFE_INTEGER, absent }: { readonly what: string; readonly max?: number; readonly absent?: number },
): number {
  if ((value === undefined || value === '') && absent !== undefined) return absent
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN
  if (number <= max) return number
  throw new ZerogError('INVALID_ARGUMENT', { message: `${what} is a whole number from 0 to ${max}` })
}

/** `1,2,3`. @throws ZerogError INVALID_ARGUMENT for none, more than `countMax` or something else */
export function readIndexes(value: unknown, countMax: number): number[] {
  const parts = typeof value === 'string' && value !== '' ? value.split(',') : []
  if (parts.length === 0 || parts.length > countMax) {
    throw new ZerogError('INVALID_ARGUMENT', { message: `indexes lists 1 to ${countMax} rows, separated by commas` })
  }
  return parts.map((part) => readInteger(part, { what: 'a row index', max: 65_535 }))
}
