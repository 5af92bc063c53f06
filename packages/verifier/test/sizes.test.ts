import { describe, expect, test } from '@jest/globals'
import { blstMultisignature } from '@zerog/consensus/blst'
import { nobleMultisignature } from '@zerog/consensus/noble'
import { readAnchor, readSettlement, type SettlementEntry } from '@zerog/evidence'
import { type Hex, toHex, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { auditBatch, compareBatch, decodeEvidence, encodeEvidence, findClaim, verifyBundle } from '../src/index.ts'
import { createWorld, type WorldOptions } from './world.ts'

const blst = { multisignature: blstMultisignature }

describe('evidence holds', () => {
  test.each<[string, WorldOptions, readonly number[]]>([
    ['of the only receipt of a batch', { receipts: 1, users: 1 }, [0]],
    ['of two users', { receipts: 2, users: 2 }, [0, 1]],
    ['of one user with three receipts', { receipts: 3, users: 1 }, [0, 1, 2]],
    ['behind a carry', { receipts: 5, users: 2, carry: true }, [0, 4]],
    ['where nothing is owed', { receipts: 4, users: 2, free: true }, [3]],
    ['of an upstream', { receipts: 4, users: 2, model: false }, [3]],
    ['after epochs with the same validators', { steps: 3, sameSet: true }, [1]],
    ['of one validator and one member of DA', { validators: 1, daMembers: 1 }, [2]],
    ['of the devnet, whose compute contracts lie elsewhere', { chainId: 31_337n }, [2]],
    ['of a committee in two accounts', { daMembers: 200 }, [2]],
    ['of 10,000 receipts', { receipts: 10_000, users: 50 }, [0, 4_999, 9_999]],
  ])('%s', async (_, options, indices) => {
    const world = await createWorld(options)
    for (const index of indices) {
      const bytes = await world.bytes(index)
      const { ok, links } = verifyBundle(bytes, world.trust, blst)
      expect(links.filter((link) => !link.ok)).toEqual([])
      expect(ok).toBe(true)
      expect(encodeEvidence(decodeEvidence(bytes))).toEqual(bytes)
      expect(links.slice(0, 2).map(({ state }) => state)).toEqual(['not-shown', 'not-shown'])
      expect(links.find(({ name }) => name === 'settlement')?.state).toBe(options.free ? 'not-required' : 'proven')
      expect(links.find(({ name }) => name === 'model')?.state).toBe(options.model === false ? 'not-required' : 'proven')
    }
  })

  test('with the validators of an epoch repeated only where they changed', async () => {
    const world = await createWorld({ steps: 1, sameSet: true })
    const evidence = await world.evidence(0)
    const { trusted, steps } = evidence.validators
    const repeated = { ...evidence, validators: { trusted, steps: steps.map((step) => ({ ...step, next: trusted })) } }
    const { links } = verifyBundle(encodeEvidence(repeated), world.trust, blst)
    expect(links.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['validators'])
  })

  test('only of claims that are in the batch', async () => {
    const world = await createWorld({ carry: true })
    const { receipt, batch } = await world.evidence(0)
    const { user } = receipt.signed.receipt
    expect(findClaim(world.blob, { user, commitment: batch.commitment }).batch).toEqual(batch)
    const carried = auditBatch(world.blob).users.find((each) => each.user === user)?.carry?.requestsHash as Hex
    for (const commitment of [carried, batch.batchRoot])
      expect(() => findClaim(world.blob, { user, commitment })).toThrow('no claim')
    const other = auditBatch(world.blob).users.find((each) => each.user !== user)?.user as Hex
    expect(() => findClaim(world.blob, { user: other, commitment: batch.commitment })).toThrow('no claim')
  })

  test('without a native library, and with the bytes that a hash bundle lacks', async () => {
    const world = await createWorld({ validators: 2, daMembers: 2 })
    const { answer } = await world.evidence(3, true)
    const bytes = await world.bytes(3)
    expect(verifyBundle(bytes, world.trust, { multisignature: nobleMultisignature, ...answer }).links[0]?.state).toBe('proven')
    const { links } = verifyBundle(bytes, world.trust, { ...blst, ...answer, response: Uint8Array.of(1) })
    expect(links.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['response-bytes'])
    const early = verifyBundle(bytes, world.trust, { ...blst, nowSeconds: 1_700_000_000n })
    expect(early.links.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['block'])
  })

  test('and rubbish in its place never ends in anything but a refusal', async () => {
    const world = await createWorld({ steps: 1 })
    const good = await world.evidence(2, true)
    const rubbish = fc.uint8Array({ minLength: 1, maxLength: 200 })
    const property = fc.property(rubbish, rubbish, fc.nat({ max: 11 }), (one, two, place) => {
      const changed = [
        { ...good, committeeCode: [one] },
        { ...good, committeeCode: [new Uint8Array([0, ...one, ...two])] },
        { ...good, facts: [one, two] },
        { ...good, block: { headers: [one], certificate: two } },
        { ...good, block: { ...good.block, certificate: one } },
        { ...good, validators: { trusted: one, steps: [] } },
        { ...good, validators: { ...good.validators, steps: [{ header: one, certificate: two, next: one }] } },
        { ...good, lineage: one },
        { ...good, availability: { ...good.availability, certificate: one } },
        {
          ...good,
          availability: { ...good.availability, k: one[0] as number, n: 3 * (one[0] as number), userOffset: two[0] as number },
        },
        { ...good, batch: { ...good.batch, claimProof: one, userProof: two } },
        {
          ...good,
          receipt: {
            ...good.receipt,
            signed: { ...good.receipt.signed, signature: toHex(new Uint8Array(65).fill(one[0] as number)) },
          },
        },
      ][place] as typeof good
      try {
        expect(verifyBundle(encodeEvidence(changed), world.trust, blst).ok).toBe(false)
      } catch (error) {
        if (!(error instanceof ZerogError)) throw error
      }
    })
    fc.assert(property, { numRuns: 240 })
  })
})

describe('an auditor with the DA blob and the chain', () => {
  test('computes every total of a settlement to the wei, and sees each wei that differs', async () => {
    const world = await createWorld({ users: 50, receipts: 1_000, carry: true, paidPercent: 60n })
    const audit = auditBatch(world.blob)
    const { anchor: anchorWords, settlements: words } = world.chainFacts()
    const anchor = readAnchor(anchorWords)
    const settlements = new Map<Hex, SettlementEntry>([...words].map(([user, values]) => [user, readSettlement(values)]))
    expect(audit.users).toHaveLength(50)
    expect(settlements.size).toBe(50)
    expect(audit.users.reduce((sum, { sum: total }) => sum + total, 0n)).toBe(anchor.sum)
    expect(audit.users.map(({ receiptCount }) => receiptCount)).toEqual(new Array(50).fill(20))
    expect(audit.users[0]?.carry?.amount).toBe(77n)
    expect(compareBatch(audit, { anchor, settlements })).toEqual([])

    const user = audit.users[7]?.user as Hex
    const settled = settlements.get(user) as SettlementEntry
    const more = new Map([...settlements, [user, { ...settled, claimed: settled.claimed + 1n }]])
    expect(compareBatch(audit, { anchor, settlements: more })).toEqual([{ user, problem: expect.stringContaining('claimed') }])
    expect(compareBatch(audit, { anchor: { ...anchor, sum: anchor.sum - 1n }, settlements })).toHaveLength(1)
    const amount = world.blob.length - 1
    const changed = auditBatch(world.blob.with(amount, (world.blob[amount] as number) ^ 1))
    expect(compareBatch(changed, { anchor, settlements }).map(({ user: named }) => named)).toEqual([
      undefined,
      audit.users.at(-1)?.user,
      audit.users.at(-1)?.user,
    ])
  })
})
