import { hash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { toHex, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { decodeValidatorSet, encodeValidatorSet, validatorSetHash } from './validator-set.ts'

const sha256 = (bytes: Uint8Array) => new Uint8Array(hash('sha256', bytes, 'buffer'))
const validator = fc.record({
  publicKey: fc.uint8Array({ minLength: 48, maxLength: 48 }),
  stake: fc.bigInt({ min: 1n, max: 2n ** 128n - 1n }),
})
const sets = fc.uniqueArray(validator, { minLength: 1, maxLength: 20, selector: ({ publicKey }) => toHex(publicKey) })

test('a validator set comes back as it went in', () => {
  fc.assert(fc.property(sets, (set) => expect(decodeValidatorSet(encodeValidatorSet(set))).toEqual(set)))
})

test('a flipped bit is refused or gives another set with another hash', () => {
  fc.assert(
    fc.property(sets, fc.nat(), (set, position) => {
      const bytes = encodeValidatorSet(set)
      const bit = position % (8 * bytes.length)
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7))
      try {
        expect(toHex(validatorSetHash(decodeValidatorSet(bytes), sha256))).not.toBe(toHex(validatorSetHash(set, sha256)))
      } catch (error) {
        if (!(error instanceof ZerogError)) throw error
      }
    }),
  )
})

test('rubbish is refused with a reason', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(() => decodeValidatorSet(bytes)).toThrow(ZerogError)
    }),
  )
})

test('a key that stands in a set twice and a validator without stake are refused', () => {
  const publicKey = new Uint8Array(48).fill(1)
  expect(() =>
    decodeValidatorSet(
      encodeValidatorSet([
        { publicKey, stake: 1n },
        { publicKey, stake: 2n },
      ]),
    ),
  ).toThrow('twice')
  expect(() => decodeValidatorSet(encodeValidatorSet([{ publicKey, stake: 0n }]))).toThrow('without stake')
})
