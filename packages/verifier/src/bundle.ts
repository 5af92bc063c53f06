import {
  decodeSignedReceipt,
  encodeSignedReceipt,
  RECEIPT_BYTES,
  SALT_BYTES,
  SIGNATURE_BYTES,
  type SignedReceipt,
} from '@zerog/evidence'
import { equalBytes, type Hex } from '@zerog/primitives'
import { BODY_BYTES_MAX, EVIDENCE_BYTES_MAX, NODES_MAX, ROWS_MAX } from './limits.ts'
import {
  type AvailabilityPart,
  type BlockPart,
  readBlock,
  readCertified,
  readCommittee,
  readNodes,
  readRow,
  readValidators,
  type ValidatorsPart,
  writeBlock,
  writeCertified,
  writeCommittee,
  writeRow,
  writeValidators,
} from './parts.ts'
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
    committeeCode: section('committee', readCommittee),
    facts: section('facts', (part) => readNodes(part, NODES_MAX)),
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
    writeCertified(writer, part)
    writer.uint(part.userOffset, 4).list(part.rows, 1, (row) => writeRow(writer, row))
  },
  committee: (writer, { committeeCode }) => writeCommittee(writer, committeeCode),
  facts(writer, { facts }) {
    writer.list(facts, 2, (node) => writer.chunk(node, 2))
  },
  block: (writer, { block }) => writeBlock(writer, block),
  validators: (writer, { validators }) => writeValidators(writer, validators),
  model(writer, { lineage }) {
    writer.chunk(lineage, 2)
  },
}

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
  const certified = readCertified(part)
  return {
    ...certified,
    userOffset: part.number(4),
    rows: part.list(1, { what: 'rows', min: 1, max: ROWS_MAX }, () => readRow(part)),
  }
}
