import type { Hex } from '@zerog/primitives'
import { checkReceipt, type InferenceReceipt, isReceiptMode, RECEIPT_FIELDS } from './receipt.ts'
import { SIGNATURE_BYTES } from './signature.ts'
import { createReader, createWriter, invalid } from './wire.ts'

const VERSION = 1
/** The fee is below 2^128. */
const FEE_BYTES = 16

/** Size of an encoded receipt: version and fields. */
export const RECEIPT_BYTES = 1 + RECEIPT_FIELDS.reduce((sum, field) => sum + encodedSize(field), 0)

export type SignedReceipt = { readonly receipt: InferenceReceipt; readonly signature: Hex }

/** `u8 version (1) ‖ fields in the order of the type`, big-endian, each at its natural size, the fee in 16 bytes. */
export function encodeReceipt(receipt: InferenceReceipt): Uint8Array {
  checkReceipt(receipt)
  const writer = createWriter().uint(VERSION, 1)
  for (const field of RECEIPT_FIELDS) {
    const value = receipt[field.name]
    if (typeof value === 'string') writer.hex(value, encodedSize(field))
    else writer.uint(value, encodedSize(field))
  }
  return writer.done()
}

/** @throws ZerogError ENCODING_INVALID for any other bytes than `encodeReceipt` gives */
export function decodeReceipt(bytes: Uint8Array): InferenceReceipt {
  const reader = createReader(bytes, 'receipt')
  const version = reader.number(1)
  if (version !== VERSION) throw invalid(`version ${version} of a receipt is not known`)
  const fields: Partial<Record<keyof InferenceReceipt, Hex | bigint | number>> = {}
  for (const field of RECEIPT_FIELDS) {
    if (field.name === 'mode') fields.mode = reader.number(1)
    else if (field.type.startsWith('uint')) fields[field.name] = reader.bigint(encodedSize(field))
    else fields[field.name] = reader.hex(field.sizeBytes)
  }
  reader.end()
  if (!isReceiptMode(fields.mode as number)) throw invalid(`mode ${fields.mode} of a receipt is not known`)
  return fields as InferenceReceipt // every field of RECEIPT_FIELDS was set, by its type
}

/** The receipt's bytes, then the 65 of the signature. */
export function encodeSignedReceipt({ receipt, signature }: SignedReceipt): Uint8Array {
  return createWriter().bytes(encodeReceipt(receipt)).hex(signature, SIGNATURE_BYTES).done()
}

/** Form only: recover the signer to learn whether the signature is one. @throws ZerogError ENCODING_INVALID */
export function decodeSignedReceipt(bytes: Uint8Array): SignedReceipt {
  const reader = createReader(bytes, 'signed receipt')
  const receipt = decodeReceipt(reader.bytes(RECEIPT_BYTES))
  const signature = reader.hex(SIGNATURE_BYTES)
  reader.end()
  return { receipt, signature }
}

function encodedSize({ name, sizeBytes }: (typeof RECEIPT_FIELDS)[number]): number {
  return name === 'fee' ? FEE_BYTES : sizeBytes
}
