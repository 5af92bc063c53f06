import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { fromHex, toHex } from '@zerog/primitives'
import { blsSecretKey, blstBls, blstMultisignature } from './blst.ts'
import {
  assembleCertificate,
  createCommittee,
  decodeCertificate,
  leaderMessage,
  provePossession,
  verifyCertificate,
  verifyPossession,
  voteMessage,
} from './index.ts'
import { nobleBls, nobleMultisignature } from './noble.ts'

const secretKeys = Array.from({ length: 100 }, (_, index) => blsSecretKey(new Uint8Array(32).fill(index + 1)))
const publicKeys = secretKeys.map((key) => blstBls.publicKey(key))
const message = new TextEncoder().encode('a message')
const signatures = secretKeys.map((key) => blstBls.sign(key, message))
const aggregate = (of: readonly Uint8Array[]) => blstMultisignature.aggregate(of) as Uint8Array

const INFINITY_KEY = new Uint8Array(48).fill(0xc0, 0, 1)
const INFINITY_SIGNATURE = new Uint8Array(96).fill(0xc0, 0, 1)
/** Points of the curves outside of the subgroup of prime order: the cofactors are large, so nearly any x will do. */
const STRAY_KEY = firstOnCurve(48)

describe('blst', () => {
  test('agrees with noble on keys, signatures, sums and verdicts', () => {
    for (const index of [0, 1]) {
      const key = secretKeys[index] as Uint8Array
      expect(toHex(nobleBls.publicKey(key))).toBe(toHex(publicKeys[index] as Uint8Array))
      expect(toHex(nobleBls.sign(key, message))).toBe(toHex(signatures[index] as Uint8Array))
    }
    const sum = aggregate(signatures.slice(0, 3))
    expect(toHex(nobleMultisignature.aggregate(signatures.slice(0, 3)) as Uint8Array)).toBe(toHex(sum))
    for (const { verify } of [nobleMultisignature, blstMultisignature]) {
      expect(verify(publicKeys.slice(0, 3), message, sum)).toBe(true)
      expect(verify(publicKeys.slice(0, 2), message, sum)).toBe(false)
      expect(verify(publicKeys.slice(0, 3), Uint8Array.of(1), sum)).toBe(false)
    }
  }, 300_000)

  test('verifies the published vectors', () => {
    const path = new URL('../../../tests/vectors/consensus.json', import.meta.url)
    const file = JSON.parse(readFileSync(path, 'utf8'))
    const keys = file.secretKeys.map((key: string) => fromHex(key)) as Uint8Array[]
    expect(keys.map((key) => toHex(blstBls.publicKey(key)))).toEqual(
      file.validators.map((validator: { publicKey: string }) => validator.publicKey),
    )
    expect(keys.map((key) => toHex(provePossession(key, blstBls)))).toEqual(file.possessions)
    const slot = { chainId: BigInt(file.chainId), epoch: BigInt(file.epoch), view: BigInt(file.randomness.view) }
    expect(toHex(blstBls.sign(keys[0] as Uint8Array, leaderMessage(slot)))).toBe(file.randomness.leaderSignature)
    const validators = file.validators.map((each: { publicKey: string; stake: string }) => ({
      publicKey: fromHex(each.publicKey),
      stake: BigInt(each.stake),
    }))
    for (const { encoded } of file.certificates) {
      const { context, certificate } = decodeCertificate(fromHex(encoded))
      const committee = createCommittee({ context, validators, multisignature: blstMultisignature })
      expect(verifyCertificate(committee, certificate)).toBe(true)
    }
  })

  test.each([
    ['nobleMultisignature', nobleMultisignature],
    ['blstMultisignature', blstMultisignature],
  ])(
    '%s refuses infinity, points outside of the subgroup and other encodings',
    (_, { verify, aggregate: add }) => {
      const [key, signature] = [publicKeys[0] as Uint8Array, signatures[0] as Uint8Array]
      expect(verify([key], message, signature)).toBe(true)
      expect(verify([], message, signature)).toBe(false)
      expect(verify([], message, INFINITY_SIGNATURE)).toBe(false)
      expect(verify([INFINITY_KEY], message, INFINITY_SIGNATURE)).toBe(false)
      expect(verify([key, INFINITY_KEY], message, signature)).toBe(false)
      expect(verify([STRAY_KEY], message, signature)).toBe(false)
      expect(verify([key, negated(key)], message, INFINITY_SIGNATURE)).toBe(false)
      for (const bytes of [
        new Uint8Array(0),
        new Uint8Array(48),
        new Uint8Array(96),
        new Uint8Array(192),
        signature.subarray(1),
      ]) {
        expect(verify([key], message, bytes)).toBe(false)
        expect(verify([bytes], message, signature)).toBe(false)
      }
      expect(add([signature, new Uint8Array(95)])).toBeUndefined()
      expect(add([signature, new Uint8Array(96).fill(0xff)])).toBeUndefined()
    },
    300_000,
  )

  test('a key that was made from the others cannot prove its possession', () => {
    const proof = provePossession(secretKeys[0] as Uint8Array, blstBls)
    expect(verifyPossession(publicKeys[0] as Uint8Array, proof, blstBls)).toBe(true)
    expect(verifyPossession(publicKeys[1] as Uint8Array, proof, blstBls)).toBe(false)
    // The negative of a key: its owner does not know the secret, and a plain signature of its own is no proof.
    expect(verifyPossession(negated(publicKeys[0] as Uint8Array), proof, blstBls)).toBe(false)
    expect(verifyPossession(publicKeys[0] as Uint8Array, signatures[0] as Uint8Array, blstBls)).toBe(false)
  })
})

describe('a committee of 100 with real signatures', () => {
  const validators = publicKeys.map((publicKey) => ({ publicKey, stake: 1n }))
  const context = { chainId: 31_337n, epoch: 0n }
  const committee = createCommittee({ context, validators, multisignature: blstMultisignature })
  const ballot = { kind: 'notarize', view: 1, parentView: 0, blockHash: `0x${'ab'.repeat(32)}` } as const
  const votes = () =>
    new Map(secretKeys.slice(0, 67).map((key, signer) => [signer, blstBls.sign(key, voteMessage(context, ballot))]))

  test('assembles a certificate that verifies, and no other ballot with it', () => {
    const result = assembleCertificate(committee, ballot, votes())
    if (!('certificate' in result)) throw new Error('votes were refused')
    const { certificate } = result
    expect(verifyCertificate(committee, certificate)).toBe(true)
    expect(verifyCertificate(committee, { ...certificate, ballot: { ...ballot, view: 2 } })).toBe(false)
    expect(verifyCertificate(committee, { ...certificate, signers: certificate.signers.map((signer) => signer + 1) })).toBe(false)
  })

  test('finds exactly the bad signatures among 67 by halving, also two that cancel each other in the sum', () => {
    const mixed = votes()
    mixed.set(5, mixed.get(6) as Uint8Array)
    mixed.set(40, new Uint8Array(96).fill(1))
    mixed.set(66, blstBls.sign(secretKeys[66] as Uint8Array, voteMessage(context, { ...ballot, view: 2 })))
    expect(assembleCertificate(committee, ballot, mixed)).toEqual({ invalid: [5, 40, 66] })
    // Who swap their signatures have both signed: the sum is a valid certificate, no honest validator is harmed.
    const swapped = votes()
    swapped.set(0, votes().get(1) as Uint8Array).set(1, votes().get(0) as Uint8Array)
    const result = assembleCertificate(committee, ballot, swapped)
    expect('certificate' in result && verifyCertificate(committee, result.certificate)).toBe(true)
  })
})

/** -P of a compressed point: the sign bit of y. */
function negated(key: Uint8Array): Uint8Array {
  const out = key.slice()
  out[0] = (out[0] as number) ^ 0x20
  return out
}

function firstOnCurve(length: number): Uint8Array {
  for (let counter = 0; counter < 1_000; counter++) {
    const bytes = new Uint8Array(length)
    bytes.set(hash('sha256', Uint8Array.of(counter), 'buffer'), length - 32)
    bytes[0] = 0x80
    if (isOnCurve(bytes)) return bytes
  }
  throw new Error('no point found')
}

/** y^2 = x^3 + 4 has a solution modulo p. */
function isOnCurve(bytes: Uint8Array): boolean {
  const p = 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn
  const x = BigInt(toHex(bytes.slice(1)))
  let [base, exponent, power] = [(x ** 3n + 4n) % p, (p - 1n) / 2n, 1n]
  for (; exponent > 0n; exponent >>= 1n, base = (base * base) % p) if (exponent & 1n) power = (power * base) % p
  return power === 1n
}
