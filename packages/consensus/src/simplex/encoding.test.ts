import { describe, expect, test } from '@jest/globals'
import { toHex, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { decodeCertificate, encodeCertificate, voteMessage } from './encoding.ts'
import { VALIDATORS_MAX } from './limits.ts'
import { type Ballot, type Certificate, NO_BLOCK } from './types.ts'

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const context = fc.record({ chainId: uint64, epoch: uint64 })
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex)

const ballot: fc.Arbitrary<Ballot> = fc
  .record({
    kind: fc.constantFrom('notarize', 'finalize'),
    view: fc.maxSafeNat(),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    blockHash: hash,
  })
  .map(({ kind, view, share, blockHash }): Ballot => ({ kind, view: view + 1, parentView: Math.floor(view * share), blockHash }))
const nullification = fc
  .maxSafeNat()
  .map((view): Ballot => ({ kind: 'nullify', view: view + 1, parentView: 0, blockHash: NO_BLOCK }))

const certificate = fc
  .record({
    context,
    ballot: fc.oneof(ballot, nullification).filter(({ view }) => Number.isSafeInteger(view)),
    validatorCount: fc.integer({ min: 1, max: VALIDATORS_MAX }),
    signature: fc.uint8Array({ minLength: 96, maxLength: 96 }),
    salt: fc.nat(),
  })
  .map(({ salt, ...rest }) => {
    const signers = Array.from({ length: rest.validatorCount }, (_, index) => index).filter((index) => (index * 7 + salt) % 3 > 0)
    return { ...rest, signers }
  })

function roundTrip(bytes: Uint8Array): Uint8Array {
  const decoded = decodeCertificate(bytes)
  return encodeCertificate(decoded.context, decoded.certificate, decoded.validatorCount)
}

describe('the encoding of a certificate', () => {
  test('gives back what went in', () => {
    fc.assert(
      fc.property(certificate, ({ context, ballot, signers, signature, validatorCount }) => {
        const value: Certificate = { ballot, signers, signature }
        const bytes = encodeCertificate(context, value, validatorCount)
        expect(bytes.length).toBe(164 + Math.ceil(validatorCount / 8))
        expect(decodeCertificate(bytes)).toEqual({ context, certificate: value, validatorCount })
      }),
    )
  })

  test('has one form: every flipped bit is refused or means something else', () => {
    fc.assert(
      fc.property(certificate, fc.nat(), ({ context, ballot, signers, signature, validatorCount }, position) => {
        const bytes = encodeCertificate(context, { ballot, signers, signature }, validatorCount)
        const bit = position % (8 * bytes.length)
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7))
        let again: Uint8Array
        try {
          again = roundTrip(bytes)
        } catch (error) {
          expect((error as ZerogError).reason).toBe('PROOF_INVALID')
          return
        }
        // Two meanings never share an encoding, so a decoded mutant that encodes to itself differs from the original.
        expect(toHex(again)).toBe(toHex(bytes))
      }),
      { numRuns: 500 },
    )
  })

  test('of rubbish is refused with a reason, never with anything else', () => {
    const head = fc.constant(Uint8Array.of(1, ...new Array(23).fill(0), 1, 1))
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.tuple(head, fc.uint8Array({ minLength: 130, maxLength: 180 })).map(([a, b]) => Uint8Array.of(...a, ...b)),
    )
    let accepted = 0
    fc.assert(
      fc.property(bytes, (input) => {
        try {
          expect(toHex(roundTrip(input))).toBe(toHex(input))
          accepted++
        } catch (error) {
          if (!(error instanceof ZerogError)) throw error
          expect(error.reason).toBe('PROOF_INVALID')
        }
      }),
      { numRuns: 1_000 },
    )
    expect(accepted).toBeLessThan(1_000)
  })

  test.each([
    ['another version', (bytes: Uint8Array) => bytes.fill(2, 0, 1)],
    ['an unknown kind', (bytes: Uint8Array) => bytes.fill(4, 25, 26)],
    ['a view above 2^53', (bytes: Uint8Array) => bytes.fill(0xff, 17, 18)],
    ['a parent that is not earlier', (bytes: Uint8Array) => bytes.fill(9, 33, 34)],
    ['no validators', (bytes: Uint8Array) => bytes.fill(0, 66, 68)],
    ['too many validators', (bytes: Uint8Array) => bytes.fill(0xff, 66, 68)],
    ['a signer behind the last validator', (bytes: Uint8Array) => bytes.fill(0xff, 68, 69)],
    ['a byte too few', (bytes: Uint8Array) => bytes.subarray(0, -1)],
    ['a byte too many', (bytes: Uint8Array) => Uint8Array.of(...bytes, 0)],
  ])('is refused with %s', (_, damage) => {
    const value: Certificate = {
      ballot: { kind: 'notarize', view: 5, parentView: 4, blockHash: `0x${'ab'.repeat(32)}` },
      signers: [0, 1, 3],
      signature: new Uint8Array(96).fill(7),
    }
    const bytes = encodeCertificate({ chainId: 1n, epoch: 2n }, value, 4)
    expect(roundTrip(bytes)).toEqual(bytes)
    expect(() => decodeCertificate(damage(bytes))).toThrow(ZerogError)
  })

  test('of 100 validators has 177 bytes', () => {
    const value: Certificate = {
      ballot: { kind: 'finalize', view: 5, parentView: 4, blockHash: `0x${'ab'.repeat(32)}` },
      signers: Array.from({ length: 67 }, (_, index) => index),
      signature: new Uint8Array(96),
    }
    expect(encodeCertificate({ chainId: 1n, epoch: 2n }, value, 100).length).toBe(177)
  })
})

test('what a vote signs differs in every field', () => {
  const base: Ballot = { kind: 'notarize', view: 5, parentView: 4, blockHash: `0x${'ab'.repeat(32)}` }
  const home = { chainId: 1n, epoch: 2n }
  const messages = [
    voteMessage(home, base),
    voteMessage({ ...home, chainId: 2n }, base),
    voteMessage({ ...home, epoch: 3n }, base),
    voteMessage(home, { ...base, kind: 'finalize' }),
    voteMessage(home, { ...base, view: 6 }),
    voteMessage(home, { ...base, parentView: 3 }),
    voteMessage(home, { ...base, blockHash: `0x${'cd'.repeat(32)}` }),
    voteMessage(home, { kind: 'nullify', view: 5, parentView: 0, blockHash: NO_BLOCK }),
  ].map(toHex)
  expect(new Set(messages).size).toBe(messages.length)
})
