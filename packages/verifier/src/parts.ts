import { CODE_BYTES_MAX, CODE_PARTS_MAX, HEADERS_MAX, PATH_HASHES_MAX, STEPS_MAX } from './limits.ts'
import type { Reader, Writer } from './wire.ts'

// Parts that evidence of an answer and the material of its batch have in the same form.

/** The certified bundle of DA and the rows of it that hold the batch's entry and the claim. */
export type AvailabilityPart = {
  readonly commitment: Uint8Array
  readonly k: number
  readonly n: number
  readonly rowBytes: number
  readonly payloadBytes: number
  readonly epoch: bigint
  readonly committee: number
  readonly expiry: bigint
  /** Place of the batch's blob in the list of the bundle. */
  readonly blobIndex: number
  readonly windowIndex: number
  readonly windowPath: readonly Uint8Array[]
  /** Encoded (`encodeCertificate` of @zerog/availability). */
  readonly certificate: Uint8Array
  /** Where the user's part begins, from the first byte of the blob. */
  readonly userOffset: number
  readonly rows: readonly Row[]
}

/** An original row that proves itself alone. */
export type Row = {
  readonly index: number
  readonly row: Uint8Array
  readonly path: readonly Uint8Array[]
  readonly rlcPath: readonly Uint8Array[]
}

export type BlockPart = {
  /** Encoded headers from the block whose state holds the facts up to the one that is certified. */
  readonly headers: readonly Uint8Array[]
  /** Encoded finalize certificate. */
  readonly certificate: Uint8Array
}

export type ValidatorsPart = {
  /** The set that is trusted by its hash, encoded. */
  readonly trusted: Uint8Array
  readonly steps: readonly EpochStep[]
}

/** The last block of an epoch with its certificate, and the set of the next epoch; empty where that is the same set. */
export type EpochStep = { readonly header: Uint8Array; readonly certificate: Uint8Array; readonly next: Uint8Array }

const HEADER = { what: 'bytes of a header', min: 1, max: 1_024 }
const CERTIFICATE = { what: 'bytes of a certificate', min: 1, max: 1_024 }
const SET = { what: 'bytes of a validator set', max: 65_540 }

export type CertifiedPart = Omit<AvailabilityPart, 'userOffset' | 'rows'>

export function writeCertified(writer: Writer, part: CertifiedPart): void {
  writer.bytes(part.commitment).uint(part.k, 4).uint(part.n, 4).uint(part.rowBytes, 4).uint(part.payloadBytes, 4)
  writer.uint(part.epoch, 8).uint(part.committee, 4).uint(part.expiry, 8).uint(part.blobIndex, 4)
  writer.uint(part.windowIndex, 4).list(part.windowPath, 1, (hash) => writer.bytes(hash))
  writer.chunk(part.certificate, 2)
}

export function readCertified(part: Reader): CertifiedPart {
  return {
    commitment: part.bytes(32),
    k: part.number(4),
    n: part.number(4),
    rowBytes: part.number(4),
    payloadBytes: part.number(4),
    epoch: part.bigint(8),
    committee: part.number(4),
    expiry: part.bigint(8),
    blobIndex: part.number(4),
    windowIndex: part.number(4),
    windowPath: readPath(part),
    certificate: part.chunk(2, CERTIFICATE),
  }
}

export function writeRow(writer: Writer, { index, row, path, rlcPath }: Row): void {
  const hash = (value: Uint8Array): void => void writer.bytes(value)
  writer.uint(index, 4).chunk(row, 2).list(path, 1, hash).list(rlcPath, 1, hash)
}

export function readRow(part: Reader): Row {
  return {
    index: part.number(4),
    row: part.chunk(2, { what: 'bytes of a row', min: 64, max: 32_768 }),
    path: readPath(part),
    rlcPath: readPath(part),
  }
}

function readPath(part: Reader): Uint8Array[] {
  return part.list(1, { what: 'hashes of a path', max: PATH_HASHES_MAX }, () => part.bytes(32))
}

export function writeCommittee(writer: Writer, codes: readonly Uint8Array[]): void {
  writer.list(codes, 1, (code) => writer.chunk(code, 2))
}

export function readCommittee(part: Reader): Uint8Array[] {
  return part.list(1, { what: 'accounts of a committee', min: 1, max: CODE_PARTS_MAX }, () =>
    part.chunk(2, { what: 'bytes of code', min: 1, max: CODE_BYTES_MAX }),
  )
}

export function readNodes(part: Reader, max: number): Uint8Array[] {
  return part.list(2, { what: 'trie nodes', min: 1, max }, () => part.chunk(2, { what: 'bytes of a node', min: 1, max: 600 }))
}

export function writeBlock(writer: Writer, { headers, certificate }: BlockPart): void {
  writer.list(headers, 2, (header) => writer.chunk(header, 2)).chunk(certificate, 2)
}

export function writeValidators(writer: Writer, { trusted, steps }: ValidatorsPart): void {
  writer.chunk(trusted, 4).list(steps, 2, ({ header, certificate, next }) => {
    writer.chunk(header, 2).chunk(certificate, 2).chunk(next, 4)
  })
}

export function readBlock(part: Reader): BlockPart {
  return {
    headers: part.list(2, { what: 'headers', min: 1, max: HEADERS_MAX }, () => part.chunk(2, HEADER)),
    certificate: part.chunk(2, CERTIFICATE),
  }
}

export function readValidators(part: Reader): ValidatorsPart {
  return {
    trusted: part.chunk(4, { ...SET, min: 1 }),
    steps: part.list(2, { what: 'steps of epochs', max: STEPS_MAX }, () => ({
      header: part.chunk(2, HEADER),
      certificate: part.chunk(2, CERTIFICATE),
      next: part.chunk(4, SET),
    })),
  }
}
