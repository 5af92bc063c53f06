import { type Hex, toHex } from '@zerog/primitives'
import fc from 'fast-check'
import { type ClaimLeaf, type InferenceReceipt, RECEIPT_FIELDS, SUM_MAX } from './index.ts'

/** `sizeBytes` bytes of one value. */
export const hexOf = (sizeBytes: number, value: number): Hex => toHex(new Uint8Array(sizeBytes).fill(value))

export const hexes = (sizeBytes: number): fc.Arbitrary<Hex> =>
  fc.uint8Array({ minLength: sizeBytes, maxLength: sizeBytes }).map(toHex)

/** Any receipt that can be signed. */
export function receipts(): fc.Arbitrary<InferenceReceipt> {
  const fields = RECEIPT_FIELDS.map(({ name, type, sizeBytes }) => {
    if (name === 'mode') return [name, fc.integer({ min: 0, max: 4 })]
    if (!type.startsWith('uint')) return [name, hexes(sizeBytes)]
    return [name, fc.bigInt({ min: 0n, max: name === 'fee' ? SUM_MAX : 2n ** BigInt(8 * sizeBytes) - 1n })]
  })
  return fc.record(Object.fromEntries(fields)) as fc.Arbitrary<InferenceReceipt>
}

/** Claims of a user in canonical order whose sum fits. */
export function claimLists(maxLength = 40): fc.Arbitrary<ClaimLeaf[]> {
  const amounts = fc.oneof(fc.bigInt({ min: 0n, max: 9n }), fc.bigInt({ min: 0n, max: 2n ** 120n }))
  const receiptClaims = fc.array(fc.record({ kind: fc.constant('receipt' as const), commitment: hexes(32), amount: amounts }), {
    minLength: 1,
    maxLength,
  })
  const carry = fc.record({
    kind: fc.constant('carry' as const),
    commitment: hexes(32),
    amount: fc.bigInt({ min: 1n, max: 2n ** 120n }),
  })
  return fc.tuple(fc.option(carry, { nil: undefined }), receiptClaims).map(([first, rest]) => {
    return first === undefined ? rest : [first, ...rest]
  })
}
