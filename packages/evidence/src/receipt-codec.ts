import { fromHex, type Hex, keccak256, toHex } from '@zerog/primitives'
import { type Domain, typedDigest } from './eip712.ts'
import { checkReceipt, type InferenceReceipt, isReceiptMode, RECEIPT_FIELDS, RECEIPT_TYPE_HASH } from './receipt.ts'
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

/**
 * `receiptHash` of an encoded receipt, without its fields: half of the time, and it is taken of every answer. Only of bytes that
 * `decodeReceipt` takes.
 */
export function encodedReceiptHash(bytes: Uint8Array, domain: Domain): Hex {
  const words = new Uint8Array(32 * (1 + RECEIPT_FIELDS.length))
  words.set(TYPE_HASH)
  let from = 1
  let end = 32
  for (const size of SIZES) {
    end += 32
    words.set(bytes.subarray(from, from + size), end - size)
    from += size
  }
  return typedDigest(domain, toHex(keccak256(words)))
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

const TYPE_HASH = fromHex(RECEIPT_TYPE_HASH, 32)
const SIZES = RECEIPT_FIELDS.map(encodedSize)

function encodedSize({ name, sizeBytes }: (typeof RECEIPT_FIELDS)[number]): number {
  return name === 'fee' ? FEE_BYTES : sizeBytes
}
