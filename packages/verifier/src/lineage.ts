import { concatBytes, type Hex, keccak256, toHex } from '@zerog/primitives'
import { createReader, createWriter } from './wire.ts'

/**
 * How a model was made: dataset, training task, model. The format is fixed now, and nothing on a network of zerog writes one yet: the
 * producer is fine-tuning.
 */
export type Lineage = {
  /** Storage root of the model that came out. */
  readonly modelRoot: Hex
  /** Storage root of the model that was trained further; zero for none. */
  readonly baseRoot: Hex
  /** Storage root of what it was trained on. */
  readonly datasetRoot: Hex
  /** Storage root of the task's parameters. */
  readonly taskRoot: Hex
  /** Account that ran the task. */
  readonly provider: Hex
  /** Seconds since the Unix epoch. */
  readonly finishedAt: bigint
}

const VERSION = 1
const DOMAIN = new TextEncoder().encode('zerog/lineage/v1')

/** `u8 version (1) ‖ modelRoot ‖ baseRoot ‖ datasetRoot ‖ taskRoot ‖ provider ‖ u64 finishedAt`: 157 bytes. */
export function encodeLineage(lineage: Lineage): Uint8Array {
  const writer = createWriter().uint(VERSION, 1).hex(lineage.modelRoot, 32).hex(lineage.baseRoot, 32)
  return writer
    .hex(lineage.datasetRoot, 32)
    .hex(lineage.taskRoot, 32)
    .hex(lineage.provider, 20)
    .uint(lineage.finishedAt, 8)
    .done()
}

/** @throws ZerogError ENCODING_INVALID */
export function decodeLineage(bytes: Uint8Array): Lineage {
  const reader = createReader(bytes, { name: 'lineage', start: 0, end: bytes.length })
  const version = reader.number(1)
  if (version !== VERSION) reader.fail(`version ${version} of a lineage is not known`)
  const lineage: Lineage = {
    modelRoot: reader.hex(32),
    baseRoot: reader.hex(32),
    datasetRoot: reader.hex(32),
    taskRoot: reader.hex(32),
    provider: reader.hex(20),
    finishedAt: reader.bigint(8),
  }
  reader.end()
  return lineage
}

/** What `ModelRegistry.register` takes as lineage: keccak256("zerog/lineage/v1" ‖ encoding). */
export function lineageHash(encoded: Uint8Array): Hex {
  return toHex(keccak256(concatBytes(DOMAIN, encoded)))
}
