import {
  decodeSignedReceipt,
  encodeSignedReceipt,
  RECEIPT_BYTES,
  SALT_BYTES,
  SIGNATURE_BYTES,
  type SignedReceipt,
} from '@zerog/evidence'
import { equalBytes, type Hex } from '@zerog/primitives'
import {
  BODY_BYTES_MAX,
  CODE_BYTES_MAX,
  CODE_PARTS_MAX,
  EVIDENCE_BYTES_MAX,
  HEADERS_MAX,
  NODES_MAX,
  PATH_HASHES_MAX,
  ROWS_MAX,
  STEPS_MAX,
} from './limits.ts'
import { createReader, createWriter, type Reader, type Writer } from './wire.ts'

/** Everything that shows how one answer came about (docs/spec/evidence.md). Hashes are 32 bytes, addresses 20, in lower case. */
export type Evidence = {
  readonly chainId: bigint
  /** Present in a full bundle; absent where only the receipt's hashes are shown. */
  readonly answer?: { readonly request: Uint8Array; readonly response: Uint8Array }
  readonly receipt: ReceiptPart
  readonly batch: BatchPart
  readonly availability: AvailabilityPart
  /** Code of the accounts that hold the DA committee, as solidity/da/CommitteeCode.sol writes it. */
  readonly committeeCode: readonly Uint8Array[]
  /** Trie nodes of all facts under one state root, in the order of their first use, each once; the first is the root. */
  readonly facts: readonly Uint8Array[]
  readonly block: BlockPart
  readonly validators: ValidatorsPart
  /** How the model was made: an encoded statement (`encodeLineage`), empty where the registry names none. */
  readonly lineage: Uint8Array
}

export type ReceiptPart = {
  readonly signed: SignedReceipt
  readonly salt: Uint8Array
  /** Whose key signed receipt and settlement. */
  readonly signer: Hex
}

/** The receipt's claim in its user's tree, and that user's total in the batch. Proofs are encoded (`encodeSumProof`). */
export type BatchPart = {
  readonly commitment: Hex
  readonly requestsHash: Hex
  readonly sum: bigint
  readonly claimProof: Uint8Array
  readonly batchRoot: Hex
  readonly batchSum: bigint
  readonly userProof: Uint8Array
}

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

export const EVIDENCE_VERSION = 1
const MAGIC = new TextEncoder().encode('0GEV')
const MODES = { hash: 0, full: 1 } as const
const SECTIONS = ['answer', 'receipt', 'batch', 'availability', 'committee', 'facts', 'block', 'validators', 'model'] as const
type Section = (typeof SECTIONS)[number]

/** The one encoding. Sizes are not checked against the limits of `decodeEvidence`. */
export function encodeEvidence(evidence: Evidence): Uint8Array {
  const mode = evidence.answer === undefined ? MODES.hash : MODES.full
  const writer = createWriter().bytes(MAGIC).uint(EVIDENCE_VERSION, 1).uint(mode, 1).uint(evidence.chainId, 8)
  for (const [index, name] of SECTIONS.entries()) {
    const section = createWriter()
    WRITE[name](section, evidence)
    writer.uint(index + 1, 1).chunk(section.done(), 4)
  }
  return writer.done()
}

/**
 * Form only; `verifyBundle` says what is true.
 * @throws ZerogError ENCODING_INVALID with `offset` and `section` for anything but the one encoding of a bundle
 */
export function decodeEvidence(bytes: Uint8Array): Evidence {
  const reader = createReader(bytes)
  if (bytes.length > EVIDENCE_BYTES_MAX) reader.fail(`it has ${bytes.length} bytes, at most ${EVIDENCE_BYTES_MAX} are read`)
  if (!equalBytes(reader.bytes(MAGIC.length), MAGIC)) reader.fail('it does not begin with "0GEV"')
  const version = reader.number(1)
  if (version !== EVIDENCE_VERSION) reader.fail(`version ${version} is not known, only ${EVIDENCE_VERSION} is`)
  const mode = reader.number(1)
  if (mode !== MODES.hash && mode !== MODES.full) reader.fail(`mode ${mode} is not known`)
  const chainId = reader.bigint(8)
  const section = <Value>(name: Section, read: (reader: Reader) => Value): Value => {
    const expected = SECTIONS.indexOf(name) + 1
    const tag = reader.number(1)
    if (tag !== expected) reader.fail(`section ${expected} (${name}) is expected, not ${tag}`)
    return reader.section({ name, sizeBytes: reader.number(4) }, read)
  }
  const answer = section('answer', (part) => (mode === MODES.full ? readAnswer(part) : undefined))
  const evidence: Evidence = {
    chainId,
    ...(answer === undefined ? {} : { answer }),
    receipt: section('receipt', readReceipt),
    batch: section('batch', readBatch),
    availability: section('availability', readAvailability),
    committeeCode: section('committee', (part) =>
      part.list(1, { what: 'accounts of a committee', min: 1, max: CODE_PARTS_MAX }, () =>
        part.chunk(2, { what: 'bytes of code', min: 1, max: CODE_BYTES_MAX }),
      ),
    ),
    facts: section('facts', (part) =>
      part.list(2, { what: 'trie nodes', min: 1, max: NODES_MAX }, () =>
        part.chunk(2, { what: 'bytes of a node', min: 1, max: 600 }),
      ),
    ),
    block: section('block', readBlock),
    validators: section('validators', readValidators),
    lineage: section('model', (part) => part.chunk(2, { what: 'bytes of a lineage', max: 1_024 })),
  }
  reader.end()
  return evidence
}

const WRITE: Readonly<Record<Section, (writer: Writer, evidence: Evidence) => void>> = {
  answer(writer, { answer }) {
    if (answer !== undefined) writer.chunk(answer.request, 4).chunk(answer.response, 4)
  },
  receipt(writer, { receipt: { signed, salt, signer } }) {
    writer.bytes(encodeSignedReceipt(signed)).bytes(salt).hex(signer, 20)
  },
  batch(writer, { batch }) {
    writer.hex(batch.commitment, 32).hex(batch.requestsHash, 32).uint(batch.sum, 16).chunk(batch.claimProof, 2)
    writer.hex(batch.batchRoot, 32).uint(batch.batchSum, 16).chunk(batch.userProof, 2)
  },
  availability(writer, { availability: part }) {
    const hash = (value: Uint8Array): void => void writer.bytes(value)
    writer.bytes(part.commitment).uint(part.k, 4).uint(part.n, 4).uint(part.rowBytes, 4).uint(part.payloadBytes, 4)
    writer.uint(part.epoch, 8).uint(part.committee, 4).uint(part.expiry, 8).uint(part.blobIndex, 4)
    writer.uint(part.windowIndex, 4).list(part.windowPath, 1, hash).chunk(part.certificate, 2).uint(part.userOffset, 4)
    writer.list(part.rows, 1, ({ index, row, path, rlcPath }) => {
      writer.uint(index, 4).chunk(row, 2).list(path, 1, hash).list(rlcPath, 1, hash)
    })
  },
  committee(writer, { committeeCode }) {
    writer.list(committeeCode, 1, (code) => writer.chunk(code, 2))
  },
  facts(writer, { facts }) {
    writer.list(facts, 2, (node) => writer.chunk(node, 2))
  },
  block(writer, { block }) {
    writer.list(block.headers, 2, (header) => writer.chunk(header, 2)).chunk(block.certificate, 2)
  },
  validators(writer, { validators }) {
    writer.chunk(validators.trusted, 4).list(validators.steps, 2, ({ header, certificate, next }) => {
      writer.chunk(header, 2).chunk(certificate, 2).chunk(next, 4)
    })
  },
  model(writer, { lineage }) {
    writer.chunk(lineage, 2)
  },
}

const HEADER = { what: 'bytes of a header', min: 1, max: 1_024 }
const CERTIFICATE = { what: 'bytes of a certificate', min: 1, max: 1_024 }
const SET = { what: 'bytes of a validator set', max: 65_540 }
const PROOF = { what: 'bytes of a proof', min: 1, max: 2_048 }

function readAnswer(part: Reader): NonNullable<Evidence['answer']> {
  const body = { what: 'bytes of a body', max: BODY_BYTES_MAX }
  return { request: part.chunk(4, body), response: part.chunk(4, body) }
}

function readReceipt(part: Reader): ReceiptPart {
  return {
    signed: part.decode(RECEIPT_BYTES + SIGNATURE_BYTES, decodeSignedReceipt),
    salt: part.bytes(SALT_BYTES),
    signer: part.hex(20),
  }
}

function readBatch(part: Reader): BatchPart {
  return {
    commitment: part.hex(32),
    requestsHash: part.hex(32),
    sum: part.bigint(16),
    claimProof: part.chunk(2, PROOF),
    batchRoot: part.hex(32),
    batchSum: part.bigint(16),
    userProof: part.chunk(2, PROOF),
  }
}

function readAvailability(part: Reader): AvailabilityPart {
  const hashes = (): Uint8Array[] => part.list(1, { what: 'hashes of a path', max: PATH_HASHES_MAX }, () => part.bytes(32))
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
    windowPath: hashes(),
    certificate: part.chunk(2, CERTIFICATE),
    userOffset: part.number(4),
    rows: part.list(1, { what: 'rows', min: 1, max: ROWS_MAX }, () => ({
      index: part.number(4),
      row: part.chunk(2, { what: 'bytes of a row', min: 64, max: 32_768 }),
      path: hashes(),
      rlcPath: hashes(),
    })),
  }
}

function readBlock(part: Reader): BlockPart {
  return {
    headers: part.list(2, { what: 'headers', min: 1, max: HEADERS_MAX }, () => part.chunk(2, HEADER)),
    certificate: part.chunk(2, CERTIFICATE),
  }
}

function readValidators(part: Reader): ValidatorsPart {
  return {
    trusted: part.chunk(4, { ...SET, min: 1 }),
    steps: part.list(2, { what: 'steps of epochs', max: STEPS_MAX }, () => ({
      header: part.chunk(2, HEADER),
      certificate: part.chunk(2, CERTIFICATE),
      next: part.chunk(4, SET),
    })),
  }
}
