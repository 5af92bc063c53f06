import { concatBytes } from '@zerog/primitives'
import type { FileKey } from './segment-key.ts'

/** A node's promise that it stores segments [segmentFirst, segmentFirst + segmentCount) of a file. */
export type ReceiptClaim = FileKey & {
  readonly chainId: number
  /** Ed25519 public key, 32 bytes. */
  readonly nodeId: Uint8Array
  readonly segmentFirst: number
  readonly segmentCount: number
  readonly issuedAtMs: number
}
export type Receipt = ReceiptClaim & { readonly signature: Uint8Array }

/** No other message of zerog starts with it, so a signature cannot be taken for something else. */
const DOMAIN = new TextEncoder().encode('zerog storage receipt v1\0')

/** The bytes that a node signs (docs/spec/storage-receipt.md). Integers are big-endian. */
export function encodeReceiptClaim(claim: ReceiptClaim): Uint8Array {
  const numbers = new DataView(new ArrayBuffer(8 + 8 + 4 + 4 + 8))
  numbers.setBigUint64(0, BigInt(claim.chainId))
  numbers.setBigUint64(8, BigInt(claim.sizeBytes))
  numbers.setUint32(16, claim.segmentFirst)
  numbers.setUint32(20, claim.segmentCount)
  numbers.setBigUint64(24, BigInt(claim.issuedAtMs))
  return concatBytes(DOMAIN, claim.nodeId, claim.root, new Uint8Array(numbers.buffer))
}
