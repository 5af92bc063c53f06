import { type Domain, decodeSignedReceipt, encodedReceiptHash, type InferenceReceipt, RECEIPT_BYTES } from '@zerog/evidence'
import type { Hex } from '@zerog/primitives'
import { feeOf, type Price } from '../broker/price.ts'

export type ReceiptCheck =
  | { readonly ok: true; readonly receipt: InferenceReceipt; readonly receiptHash: Hex; readonly signature: Hex }
  | { readonly ok: false; readonly problem: ReceiptProblem }

export type ReceiptProblem = 'form' | 'signer' | 'request' | 'response' | 'user' | 'provider' | 'fee' | 'reservation'

/**
 * Everything that a router can know better than the provider says it. `cut`: a stream that we left, where the hash covers what left the
 * provider, which may be more or less than what arrived. The fee is checked against the price on chain, without tiers exactly.
 */
export function checkAnswerReceipt(
  bytes: Uint8Array,
  expected: {
    readonly domain: Domain
    readonly signer: Hex
    readonly user: Hex
    readonly provider: Hex
    readonly requestHash: Hex
    readonly responseHash: Hex | 'cut'
    readonly price: Price
    readonly feeMax: bigint
  },
  recover: (digest: Hex, signature: Hex) => Hex | undefined,
): ReceiptCheck {
  let signed: ReturnType<typeof decodeSignedReceipt>
  try {
    signed = decodeSignedReceipt(bytes)
  } catch {
    return { ok: false, problem: 'form' }
  }
  const { receipt, signature } = signed
  const problem = firstProblem(receipt, expected)
  if (problem !== undefined) return { ok: false, problem }
  const digest = encodedReceiptHash(bytes.subarray(0, RECEIPT_BYTES), expected.domain)
  if (recover(digest, signature) !== expected.signer) return { ok: false, problem: 'signer' }
  return { ok: true, receipt, receiptHash: digest, signature }
}

function firstProblem(receipt: InferenceReceipt, expected: Parameters<typeof checkAnswerReceipt>[1]): ReceiptProblem | undefined {
  if (receipt.user.toLowerCase() !== expected.user) return 'user'
  if (receipt.provider.toLowerCase() !== expected.provider) return 'provider'
  if (receipt.requestHash !== expected.requestHash) return 'request'
  if (expected.responseHash !== 'cut' && receipt.responseHash !== expected.responseHash) return 'response'
  const usage = { promptTokens: Number(receipt.promptTokens), completionTokens: Number(receipt.completionTokens) }
  // Cached tokens are cheaper, and the receipt does not say how many there were.
  const highest = feeOf(expected.price, { ...usage, cachedTokens: 0 })
  const lowest = feeOf(expected.price, { ...usage, cachedTokens: usage.promptTokens })
  if (receipt.fee > highest || receipt.fee < lowest) return 'fee'
  return receipt.fee > expected.feeMax ? 'reservation' : undefined
}
