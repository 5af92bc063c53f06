import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { concatBytes } from '@zerog/primitives'
import type { ReceiptSigner } from '../../app/receipt-signer.ts'
import { encodeReceiptClaim, type Receipt } from '../../core/receipt.ts'

/** RFC 8410 headers of a raw Ed25519 seed (PKCS #8) and public key (SubjectPublicKeyInfo). */
const PKCS8_HEADER = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_HEADER = Buffer.from('302a300506032b6570032100', 'hex')

/** `seed`: 32 secret random bytes. */
export function receiptSigner(seed: Uint8Array): ReceiptSigner {
  const key = createPrivateKey({ key: Buffer.from(concatBytes(PKCS8_HEADER, seed)), format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  const nodeId = new Uint8Array(spki.subarray(SPKI_HEADER.length))
  return {
    nodeId,
    sign(claim) {
      const full = { ...claim, nodeId }
      return { ...full, signature: new Uint8Array(sign(null, encodeReceiptClaim(full), key)) }
    },
  }
}

export function verifyReceipt(receipt: Receipt): boolean {
  if (receipt.nodeId.length !== 32 || receipt.signature.length !== 64) return false
  return verify(null, encodeReceiptClaim(receipt), publicKey(receipt.nodeId), receipt.signature)
}

function publicKey(nodeId: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(concatBytes(SPKI_HEADER, nodeId)), format: 'der', type: 'spki' })
}
