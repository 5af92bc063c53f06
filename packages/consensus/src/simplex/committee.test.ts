import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { simulatedKey, simulatedMultisignature, simulatedSign } from '../testing.ts'
import {
  assembleCertificate,
  createCommittee,
  isQuorum,
  type Multisignature,
  stakeOf,
  verifyCertificate,
  verifyVote,
} from './committee.ts'
import { voteMessage } from './encoding.ts'
import { VALIDATORS_MAX } from './limits.ts'
import type { Ballot } from './types.ts'

const context = { chainId: 31_337n, epoch: 0n }
const ballot: Ballot = { kind: 'notarize', view: 3, parentView: 2, blockHash: `0x${'ab'.repeat(32)}` }

function committeeOf(stakes: readonly bigint[], multisignature: Multisignature = simulatedMultisignature) {
  const validators = stakes.map((stake, index) => ({ publicKey: simulatedKey(0, index), stake }))
  return createCommittee({ context, validators, multisignature })
}

const signature = (signer: number, what = ballot) => simulatedSign(simulatedKey(0, signer), voteMessage(context, what))
const votesOf = (signers: readonly number[]) => new Map(signers.map((signer) => [signer, signature(signer)]))
const range = (count: number) => Array.from({ length: count }, (_, index) => index)

/** Counts verifications: lazy verification is about their number. */
function counting() {
  const calls = { verify: 0 }
  const multisignature: Multisignature = {
    ...simulatedMultisignature,
    verify: (...args) => {
      calls.verify++
      return simulatedMultisignature.verify(...args)
    },
  }
  return { calls, multisignature }
}

describe('a quorum', () => {
  test('is more than two thirds of the stake, exactly', () => {
    const committee = committeeOf([3n, 3n, 3n])
    expect(isQuorum(committee, 6n)).toBe(false)
    expect(isQuorum(committee, 7n)).toBe(true)
    expect(isQuorum(committeeOf([1n]), 1n)).toBe(true)
  })

  test('shares more than a third of the stake with every other quorum', () => {
    const stakes = fc.array(fc.bigInt({ min: 1n, max: 2n ** 100n }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(stakes, fc.nat(255), fc.nat(255), (stake, first, second) => {
        const committee = committeeOf(stake)
        const side = (mask: number) => range(stake.length).filter((index) => (mask >> index) & 1)
        const [a, b] = [side(first), side(second)]
        fc.pre(isQuorum(committee, stakeOf(committee, a)) && isQuorum(committee, stakeOf(committee, b)))
        expect(
          3n *
            stakeOf(
              committee,
              a.filter((index) => b.includes(index)),
            ),
        ).toBeGreaterThan(committee.totalStake)
      }),
    )
  })

  test('is counted by stake, not by heads', () => {
    const committee = committeeOf([1n, 1n, 1n, 97n])
    const alone = assembleCertificate(committee, ballot, votesOf([3]))
    expect('certificate' in alone && verifyCertificate(committee, alone.certificate)).toBe(true)
    const many = assembleCertificate(committee, ballot, votesOf([0, 1, 2]))
    expect('certificate' in many && verifyCertificate(committee, many.certificate)).toBe(false)
  })
})

describe('a committee', () => {
  test('has at least one and at most so many validators as a bitmap holds, each with stake', () => {
    expect(() => committeeOf([])).toThrow()
    expect(() => committeeOf(range(VALIDATORS_MAX + 1).map(() => 1n))).toThrow()
    expect(() => committeeOf([1n, 0n])).toThrow()
    expect(committeeOf([1n, 2n]).totalStake).toBe(3n)
  })
})

describe('a certificate', () => {
  const committee = committeeOf([1n, 1n, 1n, 1n])
  const result = assembleCertificate(committee, ballot, votesOf([3, 0, 2]))
  if (!('certificate' in result)) throw new Error('votes were refused')
  const { certificate } = result

  test('verifies, its signers in ascending order', () => {
    expect(certificate.signers).toEqual([0, 2, 3])
    expect(verifyCertificate(committee, certificate)).toBe(true)
  })

  test.each([
    ['a signer twice', { ...certificate, signers: [0, 0, 2, 3] }],
    ['signers in another order', { ...certificate, signers: [2, 0, 3] }],
    ['a signer more than signed', { ...certificate, signers: [0, 1, 2, 3] }],
    ['another signer', { ...certificate, signers: [0, 1, 3] }],
    ['a signer outside of the set', { ...certificate, signers: [0, 2, 4] }],
    ['no signers', { ...certificate, signers: [] }],
    ['another ballot', { ...certificate, ballot: { ...ballot, view: 4 } }],
    ['a short signature', { ...certificate, signature: certificate.signature.subarray(1) }],
  ])('does not verify with %s', (_, mutant) => {
    expect(verifyCertificate(committee, mutant)).toBe(false)
  })

  test('does not verify with two thirds or less', () => {
    const two = assembleCertificate(committee, ballot, votesOf([0, 1]))
    expect('certificate' in two && verifyCertificate(committee, two.certificate)).toBe(false)
  })
})

describe('lazy verification', () => {
  test('verifies once for any number of good votes', () => {
    const { calls, multisignature } = counting()
    const committee = committeeOf(
      range(100).map(() => 1n),
      multisignature,
    )
    expect('certificate' in assembleCertificate(committee, ballot, votesOf(range(67)))).toBe(true)
    expect(calls.verify).toBe(1)
  })

  test('finds exactly the bad votes by halving, with about twice log2(n) verifications for each', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(99), { minLength: 1, maxLength: 5 }), (bad) => {
        const { calls, multisignature } = counting()
        const committee = committeeOf(
          range(100).map(() => 1n),
          multisignature,
        )
        const votes = votesOf(range(100))
        for (const signer of bad) votes.set(signer, signature(signer, { ...ballot, view: 99 }))
        const found = assembleCertificate(committee, ballot, votes)
        expect('invalid' in found && found.invalid).toEqual(bad.toSorted((a, b) => a - b))
        expect(calls.verify).toBeLessThanOrEqual(2 + bad.length * 2 * 7)
      }),
    )
  })

  test('finds signatures that are no points at all', () => {
    const committee = committeeOf([1n, 1n, 1n, 1n])
    const votes = votesOf([0, 1, 2]).set(1, new Uint8Array(3))
    expect(assembleCertificate(committee, ballot, votes)).toEqual({ invalid: [1] })
  })
})

test('a single vote verifies only for its signer and ballot', () => {
  const committee = committeeOf([1n, 1n, 1n, 1n])
  const vote = { ballot, signer: 1, signature: signature(1) }
  expect(verifyVote(committee, vote)).toBe(true)
  expect(verifyVote(committee, { ...vote, signer: 2 })).toBe(false)
  expect(verifyVote(committee, { ...vote, signer: 4 })).toBe(false)
  expect(verifyVote(committee, { ...vote, ballot: { ...ballot, kind: 'finalize' } })).toBe(false)
  expect(verifyVote(committee, { ...vote, signature: new Uint8Array(0) })).toBe(false)
})
