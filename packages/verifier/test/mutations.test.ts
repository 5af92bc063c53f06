import { beforeAll, describe, expect, test } from '@jest/globals'
import { blstMultisignature } from '@zerog/consensus/blst'
import { keccak256, toHex, ZerogError } from '@zerog/primitives'
import { decodeEvidence, type Evidence, encodeEvidence, type LinkName, trustOf, verifyBundle } from '../src/index.ts'
import { flipByte, MUTATIONS } from './mutations.ts'
import { createWorld, type World } from './world.ts'

const options = { steps: 1, headers: 3, lineage: true, carry: true, receipts: 12, users: 3, paidPercent: 60n } as const
const ANSWER = 4
const seed = Date.now() % 2 ** 32

let world: World
let evidence: Evidence
beforeAll(async () => {
  world = await createWorld(options)
  evidence = await world.evidence(ANSWER, true)
})

/** Names of the broken links; what cannot be decoded is named by its section. */
function broken(changed: Evidence | Uint8Array, trust = world.trust): string[] {
  try {
    const bytes = changed instanceof Uint8Array ? changed : encodeEvidence(changed)
    const { ok, links } = verifyBundle(bytes, trust, { multisignature: blstMultisignature })
    const names = links.filter((link) => !link.ok).map(({ name }) => name)
    expect(ok).toBe(names.length === 0)
    return names
  } catch (error) {
    if (!(error instanceof ZerogError) || error.reason !== 'ENCODING_INVALID') throw error
    return [`section ${error.metadata.section}`]
  }
}

test('nothing is broken before anything is changed', () => {
  expect(broken(evidence)).toEqual([])
})

test.each(MUTATIONS.map((mutation) => [mutation.field, mutation] as const))(
  'a change of %s is refused by the links that read it',
  (_, { change, broken: expected }) => {
    const changed = change(evidence)
    expect(encodeEvidence(changed)).not.toEqual(encodeEvidence(evidence))
    const names = broken(changed)
    if (names[0]?.startsWith('section')) expect(names).toEqual([expect.stringMatching('availability')])
    else expect(new Set(names)).toEqual(new Set(expected))
  },
)

describe('of the facts', () => {
  test('a node that is changed or removed breaks every link whose proof holds it, and no other', async () => {
    const proofs = await world.proofsByLink(ANSWER)
    for (const [index, node] of evidence.facts.entries()) {
      const expected = [...proofs].filter(([, hashes]) => hashes.has(toHex(keccak256(node)))).map(([name]) => name)
      expect(expected.length).toBeGreaterThan(0)
      const removed = broken({ ...evidence, facts: evidence.facts.toSpliced(index, 1) })
      const changed = broken({ ...evidence, facts: evidence.facts.with(index, flipByte(node)) })
      if (index === 0) {
        // Another root is another state: the block says so, whatever of it still has the form of a proof.
        expect(removed).toContain('block')
        expect(changed).toContain('block')
      } else {
        expect(new Set(removed)).toEqual(new Set(expected))
        expect(new Set(changed)).toEqual(new Set(expected))
      }
    }
  })

  test.each<[string, LinkName, string, bigint]>([
    ['signer', 'signer-registered', 'inferenceServing', 1n],
    ['anchor', 'data-availability', 'receiptAnchor', 1n],
    ['model entry', 'model', 'modelRegistry', -(1n << 224n)],
  ])('a state with another %s is refused by its link', async (_, name, contract, by) => {
    // A real state of the same form, whose block the validators signed: only the fact is another.
    const other = await createWorld({ ...options, change: { contract, by } })
    expect(broken(await other.bytes(ANSWER, true), other.trust)).toEqual([name])
  })

  test('settlements of another amount or of another batch are refused by the settlement', async () => {
    for (const [place, by] of [
      [0, 1n],
      [2, 1n],
      [2, 2n ** 128n * 10n ** 20n],
    ] as const) {
      const other = await createWorld({ ...options, change: { contract: 'settlement', place, by } })
      expect(broken(await other.bytes(ANSWER, true), other.trust)).toEqual(['settlement'])
    }
  })

  test('no proof of an absence passes for a fact', async () => {
    const other = await createWorld({ ...options, change: { contract: 'empty', by: 0n } })
    expect(broken(await other.bytes(ANSWER, true), other.trust)).toEqual([
      'signer-registered',
      'data-availability',
      'settlement',
      'model',
    ])
  })
})

describe('parts of something else', () => {
  const PARTS = [
    'answer',
    'receipt',
    'batch',
    'availability',
    'committeeCode',
    'facts',
    'block',
    'validators',
    'lineage',
  ] as const
  const swap = (other: Evidence, part: (typeof PARTS)[number]) => broken({ ...evidence, [part]: other[part] })

  test('of another answer of the same batch', async () => {
    const other = await world.evidence(5, true)
    expect(Object.fromEntries(PARTS.map((part) => [part, swap(other, part)]))).toEqual({
      answer: ['request-bytes', 'response-bytes'],
      receipt: ['request-bytes', 'response-bytes', 'batch', 'data-availability', 'settlement'],
      batch: ['batch', 'data-availability', 'settlement'],
      availability: ['data-availability'],
      committeeCode: [],
      facts: ['settlement'],
      block: [],
      validators: [],
      lineage: [],
    })
  })

  test('of another answer of the same user', async () => {
    const other = await world.evidence(ANSWER + 3, true)
    expect(swap(other, 'receipt')).toEqual(['request-bytes', 'response-bytes', 'batch', 'data-availability'])
    expect(swap(other, 'batch')).toEqual(['batch', 'data-availability'])
    expect(swap(other, 'answer')).toEqual(['request-bytes', 'response-bytes'])
  })

  test('of another batch of the same chain, with other validators', async () => {
    const foreign = await (await createWorld({ ...options, seed: 'another batch' })).evidence(ANSWER, true)
    expect(Object.fromEntries(PARTS.map((part) => [part, swap(foreign, part)]))).toEqual({
      answer: ['request-bytes', 'response-bytes'],
      receipt: ['request-bytes', 'response-bytes', 'signer-registered', 'batch', 'data-availability', 'settlement'],
      batch: ['batch', 'data-availability', 'settlement'],
      availability: ['data-availability', 'da-committee'],
      committeeCode: ['da-committee'],
      facts: ['signer-registered', 'data-availability', 'da-committee', 'settlement', 'block', 'model'],
      block: ['block', 'validators'],
      validators: ['validators'],
      lineage: ['model'],
    })
  })

  test('of another chain: the whole of it, and under its name', async () => {
    const foreign = await createWorld({ ...options, chainId: 4_243n })
    const all = ['receipt-signature', 'batch', 'data-availability', 'da-committee', 'block', 'validators']
    expect(broken(await foreign.bytes(ANSWER, true))).toEqual(all)
    const renamed = { ...(await foreign.evidence(ANSWER, true)), chainId: 4_242n }
    expect(broken(renamed)).toEqual(all.filter((name) => name !== 'block'))
  })

  test('of a network with other contracts, or of validators that nobody trusts', () => {
    const { trust } = world
    const contracts = { ...trust.contracts, receiptAnchor: `0x${'77'.repeat(20)}` as const }
    expect(broken(evidence, { ...trust, contracts })).toEqual(['receipt-signature', 'batch', 'data-availability'])
    const stranger = trustOf({ ...trust, validatorSetHash: `0x${'77'.repeat(32)}` })
    expect(broken(evidence, stranger)).toEqual(['validators'])
    expect(broken(evidence, { ...trust, epoch: 1n })).toEqual(['validators'])
  })
})

test(`every byte counts (seed ${seed})`, () => {
  const bytes = encodeEvidence(evidence)
  const runs = process.env.ZEROG_TEST_LONG === '1' ? bytes.length : 250
  let state = seed
  for (let run = 0; run < runs; run++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const at = runs === bytes.length ? run : state % bytes.length
    const names = broken(bytes.with(at, (bytes[at] as number) ^ (1 << (state >>> 29))))
    if (names.length === 0) throw new Error(`a flip in byte ${at} changes nothing`)
  }
})

test('a section that is missing is named', () => {
  const bytes = encodeEvidence(evidence)
  let offset = 14
  const names = ['answer', 'receipt', 'batch', 'availability', 'committee', 'facts', 'block', 'validators', 'model']
  for (const name of names) {
    const length = 5 + new DataView(bytes.buffer, bytes.byteOffset + offset + 1).getUint32(0)
    const cut = new Uint8Array([...bytes.subarray(0, offset), ...bytes.subarray(offset + length)])
    expect(() => decodeEvidence(cut)).toThrow(name === 'model' ? 'in the middle' : `(${name}) is expected`)
    offset += length
  }
  expect(offset).toBe(bytes.length)
})
