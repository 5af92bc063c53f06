import { bytesToBigint, type Hex, keccak256, toHex } from '@zerog/primitives'
import { HEADER_BYTES_MAX } from './limits.ts'
import { bytesOf, decodeRlp, listOf, refuse } from './rlp.ts'

/** What a light client reads of a header (docs/spec/header.md). */
export type LightHeader = {
  /** Keccak-256 of the encoded header: the block hash, which votes name. */
  readonly hash: Hex
  readonly parentHash: Hex
  readonly height: bigint
  readonly timestampSeconds: bigint
  readonly stateRoot: Hex
  readonly transactionsRoot: Hex
  readonly receiptsRoot: Hex
  readonly prevRandao: Hex
  /** extraData: hash of the validator set that votes on the next block. */
  readonly setHash: Hex
}

/** Reads an RLP-encoded Prague header; throws PROOF_INVALID. Nothing is verified: its hash is what a certificate must name. */
export function readHeader(encoded: Uint8Array): LightHeader {
  if (encoded.length > HEADER_BYTES_MAX) refuse('a header is too long')
  const fields = listOf(decodeRlp(encoded), 'header', 21)
  const hash = (index: number, name: string) => toHex(bytesOf(fields[index], name, 32))
  return {
    hash: toHex(keccak256(encoded)),
    parentHash: hash(0, 'parentHash'),
    stateRoot: hash(3, 'stateRoot'),
    transactionsRoot: hash(4, 'transactionsRoot'),
    receiptsRoot: hash(5, 'receiptsRoot'),
    height: uint64(bytesOf(fields[8], 'height'), 'height'),
    timestampSeconds: uint64(bytesOf(fields[11], 'timestamp'), 'timestamp'),
    setHash: hash(12, 'extraData'),
    prevRandao: hash(13, 'prevRandao'),
  }
}

function uint64(bytes: Uint8Array, name: string): bigint {
  if (bytes.length > 8 || bytes[0] === 0) refuse(`${name} is no 64-bit integer`)
  return bytesToBigint(bytes)
}
