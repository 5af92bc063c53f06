import { equalBytes } from '@zerog/primitives'
import { MATERIAL_BYTES_MAX } from './limits.ts'
import {
  type BlockPart,
  type CertifiedPart,
  type Row,
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
import { createReader, createWriter } from './wire.ts'

/**
 * What the evidence of all answers of one settled batch is made of, beside receipts and blob: fetched once, after the settlement is final.
 * A provider keeps it; nobody else reads it (ADR 0170).
 */
export type BatchMaterial = {
  readonly chainId: bigint
  /** Blocks per epoch of this chain: no part of evidence, but needed by whoever verifies it with another than the default. */
  readonly epochLength: bigint
  readonly certified: CertifiedPart
  /** Rising by index: those that hold the list up to the blob's entry, and the blob. */
  readonly rows: readonly Row[]
  readonly committeeCode: readonly Uint8Array[]
  /** Nodes of the proofs of all users and models, each once; the first is the root. */
  readonly nodes: readonly Uint8Array[]
  readonly block: BlockPart
  readonly validators: ValidatorsPart
}

const MAGIC = new TextEncoder().encode('0GEM')
const VERSION = 1
/** As many as a list counts. */
const COUNT_MAX = 65_535

/** `"0GEM" ‖ u8 version ‖ u64 chain id ‖ u64 blocks per epoch`, then the parts as they stand in evidence (docs/spec/evidence.md), lists with a `u16` count. */
export function encodeMaterial(material: BatchMaterial): Uint8Array {
  const writer = createWriter().bytes(MAGIC).uint(VERSION, 1).uint(material.chainId, 8).uint(material.epochLength, 8)
  writeCertified(writer, material.certified)
  writer.list(material.rows, 2, (row) => writeRow(writer, row))
  writeCommittee(writer, material.committeeCode)
  writer.list(material.nodes, 2, (node) => writer.chunk(node, 2))
  writeBlock(writer, material.block)
  writeValidators(writer, material.validators)
  return writer.done()
}

/** @throws ZerogError ENCODING_INVALID */
export function decodeMaterial(bytes: Uint8Array): BatchMaterial {
  const reader = createReader(bytes)
  if (bytes.length > MATERIAL_BYTES_MAX) reader.fail(`it has ${bytes.length} bytes, at most ${MATERIAL_BYTES_MAX} are read`)
  if (!equalBytes(reader.bytes(MAGIC.length), MAGIC)) reader.fail('it does not begin with "0GEM"')
  const version = reader.number(1)
  if (version !== VERSION) reader.fail(`version ${version} is not known, only ${VERSION} is`)
  const material: BatchMaterial = {
    chainId: reader.bigint(8),
    epochLength: reader.bigint(8),
    certified: readCertified(reader),
    rows: reader.list(2, { what: 'rows', min: 1, max: COUNT_MAX }, () => readRow(reader)),
    committeeCode: readCommittee(reader),
    nodes: readNodes(reader, COUNT_MAX),
    block: readBlock(reader),
    validators: readValidators(reader),
  }
  reader.end()
  return material
}
