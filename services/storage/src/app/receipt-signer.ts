import type { Receipt, ReceiptClaim } from '../core/receipt.ts'

export type ReceiptSigner = {
  /** Ed25519 public key, 32 bytes: the identity of the node. */
  readonly nodeId: Uint8Array
  sign(claim: Omit<ReceiptClaim, 'nodeId'>): Receipt
}
