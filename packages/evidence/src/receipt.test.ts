import { describe, expect, it } from '@jest/globals'
import { fromHex, type Hex, toHex } from '@zerog/primitives'
import fc from 'fast-check'
import {
  addressOfKey,
  checkReceipt,
  decodeReceipt,
  decodeSignedReceipt,
  encodedReceiptHash,
  encodeReceipt,
  encodeSignedReceipt,
  RECEIPT_BYTES,
  RECEIPT_FIELDS,
  receiptDomain,
  receiptHash,
  recoverReceiptSigner,
  recoverSigner,
  signDigest,
  signReceipt,
} from './index.ts'
import { hexOf, receipts } from './testing.ts'

const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const privateKey = new Uint8Array(32).fill(0x11)
const domain = receiptDomain({ chainId: 31_337n, receiptAnchor: hexOf(20, 9) })

describe('an encoded receipt', () => {
  it('is read back, whatever it says', () => {
    fc.assert(
      fc.property(receipts(), (receipt) => {
        expect(decodeReceipt(encodeReceipt(receipt))).toEqual(receipt)
        expect(encodeReceipt(receipt)).toHaveLength(RECEIPT_BYTES)
      }),
    )
  })

  it('has the hash of its receipt', () => {
    fc.assert(
      fc.property(receipts(), (receipt) => {
        expect(encodedReceiptHash(encodeReceipt(receipt), domain)).toBe(receiptHash(receipt, domain))
      }),
    )
  })

  it('is the only encoding: bytes that decode are what encoding gives', () => {
    const near = fc.tuple(receipts(), fc.nat(RECEIPT_BYTES - 1), fc.nat(255)).map(([receipt, index, value]) => {
      const bytes = encodeReceipt(receipt)
      bytes[index] = value
      return bytes
    })
    fc.assert(
      fc.property(fc.oneof(near, fc.uint8Array({ maxLength: 2 * RECEIPT_BYTES })), (bytes) => {
        const decoded = attempt(() => decodeReceipt(bytes))
        if (decoded !== 'ENCODING_INVALID') expect(encodeReceipt(decoded as never)).toEqual(Uint8Array.from(bytes))
      }),
    )
  })

  it('is refused when it is cut, longer, of another version or of an unknown mode', () => {
    const bytes = encodeReceipt(fc.sample(receipts(), { numRuns: 1, seed: 1 })[0] as never)
    for (let length = 0; length < bytes.length; length++) {
      expect(attempt(() => decodeReceipt(bytes.subarray(0, length)))).toBe('ENCODING_INVALID')
    }
    const changed = (index: number, value: number): Uint8Array => Uint8Array.from(bytes).fill(value, index, index + 1)
    expect(attempt(() => decodeReceipt(Uint8Array.from([...bytes, 0])))).toBe('ENCODING_INVALID')
    expect(attempt(() => decodeReceipt(changed(0, 2)))).toBe('ENCODING_INVALID')
    expect(attempt(() => decodeReceipt(changed(RECEIPT_BYTES - 1, 5)))).toBe('ENCODING_INVALID')
  })

  it('with its signature is read back and has no second form', () => {
    fc.assert(
      fc.property(receipts(), (receipt) => {
        const signed = { receipt, signature: signReceipt(receipt, { domain, privateKey }) }
        const bytes = encodeSignedReceipt(signed)
        expect(decodeSignedReceipt(bytes)).toEqual(signed)
        expect(attempt(() => decodeSignedReceipt(bytes.subarray(1)))).toBe('ENCODING_INVALID')
        expect(attempt(() => decodeSignedReceipt(Uint8Array.from([...bytes, 0])))).toBe('ENCODING_INVALID')
      }),
      { numRuns: 20 },
    )
  })
})

describe('a field out of range', () => {
  const [receipt] = fc.sample(receipts(), { numRuns: 1, seed: 2 })
  const wrong: Record<string, unknown[]> = {
    bytes32: ['0x', hexOf(31, 1), hexOf(33, 1), hexOf(32, 1).toUpperCase(), 1n],
    address: [hexOf(32, 1), `0x${'AA'.repeat(20)}`, '', 5n],
    uint256: [-1n, 2n ** 256n, hexOf(32, 1)],
    uint64: [-1n, 2n ** 64n, hexOf(8, 1)],
    uint8: [-1, 5, 1.5, Number.NaN],
  }
  it.each(RECEIPT_FIELDS.map(({ name, type }) => [name, type]))('%s is refused', (name, type) => {
    for (const value of [...(wrong[type] as unknown[]), ...(name === 'fee' ? [2n ** 128n] : [])]) {
      expect([value, attempt(() => checkReceipt({ ...receipt, [name]: value } as never))]).toEqual([value, 'INVALID_ARGUMENT'])
    }
  })
})

describe('the signature of a receipt', () => {
  it('names its signer, and another one as soon as any field, the chain or the contract differs', () => {
    fc.assert(
      fc.property(receipts(), receipts(), (receipt, other) => {
        const signature = signReceipt(receipt, { domain, privateKey })
        expect(recoverReceiptSigner(receipt, { domain, signature })).toBe(addressOfKey(privateKey))
        for (const { name } of RECEIPT_FIELDS) {
          if (receipt[name] === other[name]) continue
          const changed = { ...receipt, [name]: other[name] }
          expect(receiptHash(changed, domain)).not.toBe(receiptHash(receipt, domain))
        }
        for (const change of [{ chainId: 1n }, { verifyingContract: hexOf(20, 8) }]) {
          expect(attempt(() => recoverReceiptSigner(receipt, { domain: { ...domain, ...change }, signature }))).not.toBe(
            addressOfKey(privateKey),
          )
        }
      }),
      { numRuns: 10 },
    )
  })

  it('has one form: high s, another v, another length or no point are refused', () => {
    const digest = hexOf(32, 7)
    const signature = fromHex(signDigest(digest, privateKey))
    const r = toHex(signature.subarray(0, 32))
    const s = BigInt(toHex(signature.subarray(32, 64)))
    const high = (CURVE_ORDER - s).toString(16).padStart(64, '0')
    const flipped = signature[64] === 27 ? '1c' : '1b'
    for (const bad of [
      `${r}${high}${flipped}`,
      `${toHex(signature.subarray(0, 64))}00`,
      `${toHex(signature.subarray(0, 64))}1d`,
      toHex(signature.subarray(0, 64)),
      `${toHex(signature)}00`,
      `0x${'00'.repeat(64)}1b`,
      `0x${'ff'.repeat(64)}1b`,
      '0x',
      'zz',
    ]) {
      expect([bad, attempt(() => recoverSigner(digest, bad as Hex))]).toEqual([bad, 'ENCODING_INVALID'])
    }
  })

  it('of arbitrary bytes either names an address or is refused by name', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 60, maxLength: 70 }), (bytes) => {
        const signer = attempt(() => recoverSigner(hexOf(32, 7), toHex(bytes)))
        expect(signer).toMatch(/^ENCODING_INVALID$|^0x[0-9a-f]{40}$/)
      }),
    )
  })
})

function attempt(action: () => unknown): unknown {
  try {
    return action()
  } catch (error) {
    const { reason } = error as { reason?: string }
    if (reason === undefined) throw error
    return reason
  }
}
