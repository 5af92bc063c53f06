import { describe, expect, it } from '@jest/globals'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { bitmapOf, stakeOf } from '@zerog/availability'
import { nobleBls } from '@zerog/consensus/noble'
import { bigintToBytes, bytesToBigint, concatBytes, toHex } from '@zerog/primitives'
import fc from 'fast-check'
import { affineKey, encodeSubmitCertificates } from '../src/index.ts'
import {
  certifiedWindow,
  committeeOf,
  daAllocation,
  failure,
  SIGNERS,
  type TestMember,
  testMembers,
  testStatement,
  view,
} from './support/da-client.ts'
import { createTestChain } from './support/test-chain.ts'

const { Point } = bls12_381.G1
const ORDER = bls12_381.fields.Fr.ORDER
const pool = testMembers(Array.from({ length: 34 }, (_, index) => BigInt(index + 1)))

/** The struct of the contracts as the affine key that it stands for; undefined at infinity. */
function keyOf(words: Record<'xHigh' | 'xLow' | 'yHigh' | 'yLow', bigint>): string | undefined {
  const { xHigh, xLow, yHigh, yLow } = words
  if ((xHigh | xLow | yHigh | yLow) === 0n) return undefined
  return toHex(concatBytes(bigintToBytes(xHigh, 16), bigintToBytes(xLow, 32), bigintToBytes(yHigh, 16), bigintToBytes(yLow, 32)))
}

function sumOf(members: readonly TestMember[], signers: readonly number[]): string | undefined {
  const sum = signers.map((signer) => Point.fromBytes((members[signer] as TestMember).key)).reduce((a, b) => a.add(b), Point.ZERO)
  return sum.is0() ? undefined : toHex(sum.toBytes(false))
}

const aggregate = async (
  members: readonly TestMember[],
  signers: readonly number[],
  chain: Awaited<ReturnType<typeof createTestChain>>,
) => {
  const result = await view(chain, SIGNERS, 'aggregate', 1n, toHex(bitmapOf(signers, members.length)))
  const [key, total, signed] = result as [Parameters<typeof keyOf>[0], bigint, bigint]
  return { key: keyOf(key), total, signed }
}

/** The same account's key with the opposite sign: both owners know their secrets. */
function opposite(member: TestMember, of: TestMember): TestMember {
  const secretKey = bigintToBytes(ORDER - bytesToBigint(of.secretKey), 32)
  return { ...member, secretKey, key: affineKey(nobleBls.publicKey(secretKey)) }
}

describe('the sum of the keys of a bitmap', () => {
  it('is that of its members, for every size of the last byte and any absentees', async () => {
    for (const size of [1, 7, 8, 9, 16, 33]) {
      const members = pool.slice(0, size)
      const chain = await createTestChain(daAllocation(members))
      const committee = committeeOf(members)
      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(fc.nat(size - 1)), async (signers) => {
          const found = await aggregate(members, signers, chain)
          expect(found).toEqual({
            key: sumOf(members, signers),
            total: committee.totalStake,
            signed: stakeOf(committee, signers),
          })
        }),
        { numRuns: 6 },
      )
      for (const beyond of [size, 8 * Math.ceil(size / 8) - 1].filter((bit) => bit >= size && bit < 8 * Math.ceil(size / 8))) {
        const bitmap = bitmapOf([beyond], 8 * Math.ceil(size / 8))
        expect(await view(chain, SIGNERS, 'aggregate', 1n, toHex(bitmap))).toBe('BitmapInvalid()')
      }
      for (const bytes of [Math.ceil(size / 8) - 1, Math.ceil(size / 8) + 1]) {
        expect(await view(chain, SIGNERS, 'aggregate', 1n, toHex(new Uint8Array(bytes)))).toBe('BitmapInvalid()')
      }
    }
  })

  it('stands when absentees cancel each other, and is refused when signers do', async () => {
    const [a, b, c] = pool.slice(0, 3).map((member) => ({ ...member, stake: 10n })) as [TestMember, TestMember, TestMember]
    const members = [a, opposite(b, a), c]
    const chain = await createTestChain(daAllocation(members))
    expect(await aggregate(members, [2], chain)).toMatchObject({ key: sumOf(members, [2]), signed: 10n })
    expect(await aggregate(members, [0, 1], chain)).toMatchObject({ key: undefined, signed: 20n })
    const committee = committeeOf(members)
    const honest = certifiedWindow([testStatement()], { committee, members, signers: [0, 2] })
    // Two thirds of the stake, and a sum of keys for which infinity would be a signature of everything.
    const nobody = { ...honest, certificate: { ...honest.certificate, bitmap: bitmapOf([0, 1], 3) } }
    expect(failure(await chain.send(encodeSubmitCertificates([nobody])))).toBe('SignersInvalid()')
    expect(failure(await chain.send(encodeSubmitCertificates([honest])))).toBe('success')
  })
})

describe('the root of a window', () => {
  it('is the same on chain for every shape of tree', async () => {
    const members = pool.slice(0, 3)
    const chain = await createTestChain(daAllocation(members))
    const windows = [2, 5, 7, 13].map((count) =>
      certifiedWindow(
        Array.from({ length: count }, () => testStatement()),
        { committee: committeeOf(members), members },
      ),
    )
    expect(failure(await chain.send(encodeSubmitCertificates(windows)))).toBe('success')
  })
})
