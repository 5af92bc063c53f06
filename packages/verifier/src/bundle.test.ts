import { describe, expect, test } from '@jest/globals'
import { type Hex, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { daSigners } from '../../contracts/src/artifacts/da-signers.ts'
import {
  DA_EPOCHS_SLOT,
  decodeEvidence,
  decodeLineage,
  type Evidence,
  encodeEvidence,
  encodeLineage,
  lineageHash,
} from './index.ts'

const hex = (length: number): fc.Arbitrary<Hex> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => `0x${Buffer.from(bytes).toString('hex')}` as const)
const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength })
const uint = (bits: number) => fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n })
const hash = bytes(32, 32)
const hashes = fc.array(hash, { maxLength: 16 })
const word = fc.nat({ max: 2 ** 32 - 1 })

const receipts = fc.record({
  ...Object.fromEntries(
    ['requestHash', 'responseHash', 'modelRoot', 'paramsHash', 'traceRoot', 'memoryRoot'].map((name) => [name, hex(32)]),
  ),
  user: hex(20),
  provider: hex(20),
  agentId: uint(256),
  ...Object.fromEntries(['promptTokens', 'completionTokens', 'nonce', 'finishedAt'].map((name) => [name, uint(64)])),
  fee: uint(128),
  mode: fc.integer({ min: 0, max: 4 }),
})

/** Anything that has the form of evidence, true or not. */
const evidences = fc.record(
  {
    chainId: uint(64),
    answer: fc.record({ request: bytes(0, 40), response: bytes(0, 40) }),
    receipt: fc.record({ signed: fc.record({ receipt: receipts, signature: hex(65) }), salt: hash, signer: hex(20) }),
    batch: fc.record({
      commitment: hex(32),
      requestsHash: hex(32),
      sum: uint(128),
      claimProof: bytes(1, 60),
      batchRoot: hex(32),
      batchSum: uint(128),
      userProof: bytes(1, 60),
    }),
    availability: fc.record({
      commitment: hash,
      k: word,
      n: word,
      rowBytes: word,
      payloadBytes: word,
      epoch: uint(64),
      committee: word,
      expiry: uint(64),
      blobIndex: word,
      windowIndex: word,
      windowPath: hashes,
      certificate: bytes(1, 200),
      userOffset: word,
      rows: fc.array(fc.record({ index: word, row: bytes(64, 128), path: hashes, rlcPath: hashes }), {
        minLength: 1,
        maxLength: 3,
      }),
    }),
    committeeCode: fc.array(bytes(1, 300), { minLength: 1, maxLength: 6 }),
    facts: fc.array(bytes(1, 100), { minLength: 1, maxLength: 9 }),
    block: fc.record({ headers: fc.array(bytes(1, 99), { minLength: 1, maxLength: 3 }), certificate: bytes(1, 99) }),
    validators: fc.record({
      trusted: bytes(1, 99),
      steps: fc.array(fc.record({ header: bytes(1, 99), certificate: bytes(1, 99), next: bytes(0, 99) }), { maxLength: 3 }),
    }),
    lineage: bytes(0, 200),
  },
  { requiredKeys: ['chainId', 'receipt', 'batch', 'availability', 'committeeCode', 'facts', 'block', 'validators', 'lineage'] },
) as unknown as fc.Arbitrary<Evidence> // records of names that map over types lose them

/** What it decodes to, encoded again; undefined where it is refused as it must be. */
function again(input: Uint8Array): Uint8Array | undefined {
  try {
    return encodeEvidence(decodeEvidence(input))
  } catch (error) {
    if (!(error instanceof ZerogError) || error.reason !== 'ENCODING_INVALID') throw error
    expect(error.metadata).toMatchObject({ offset: expect.stringMatching(/^\d+$/), section: expect.any(String) })
    return undefined
  }
}

describe('a bundle', () => {
  test('decodes to what was encoded, whatever it says', () => {
    fc.assert(
      fc.property(evidences, (evidence) => expect(decodeEvidence(encodeEvidence(evidence))).toEqual(evidence)),
      { numRuns: 60 },
    )
  })

  test('has one encoding: changed bytes are refused with their offset, or say something else', () => {
    const property = fc.property(evidences, fc.nat(), fc.integer({ min: 1, max: 255 }), (evidence, position, by) => {
      const input = encodeEvidence(evidence)
      const at = position % input.length
      const changed = input.with(at, (input[at] as number) ^ by)
      const result = again(changed)
      if (result !== undefined) expect(Buffer.from(result).equals(changed)).toBe(true)
    })
    fc.assert(property, { numRuns: 400 })
  })

  test('is refused where bytes are missing or follow', () => {
    const property = fc.property(evidences, fc.nat(), (evidence, position) => {
      const input = encodeEvidence(evidence)
      expect(again(input.subarray(0, position % input.length))).toBeUndefined()
      expect(again(new Uint8Array([...input, 0]))).toBeUndefined()
    })
    fc.assert(property, { numRuns: 60 })
  })

  test('rubbish is refused, with and without its head', () => {
    const head = [0x30, 0x47, 0x45, 0x56, 1, 0]
    fc.assert(fc.property(bytes(0, 400), (input) => expect(again(input)).toBeUndefined()))
    fc.assert(fc.property(bytes(0, 400), (input) => expect(again(new Uint8Array([...head, ...input]))).toBeUndefined()))
  })

  test.each<[string, number, number]>([
    ['does not begin', 0, 0x31],
    ['version 2', 4, 2],
    ['mode 2', 5, 2],
    ['section 1 (answer) is expected', 14, 2],
  ])('says that it %s', (text, at, value) => {
    const [evidence] = fc.sample(evidences, 1) as [Evidence]
    expect(() => decodeEvidence(encodeEvidence(evidence).with(at, value))).toThrow(text)
  })

  test('claims no memory for lengths that it does not have', () => {
    const [evidence] = fc.sample(evidences, 1) as [Evidence]
    const { answer: _, ...rest } = evidence
    const input = encodeEvidence(rest)
    expect(() => decodeEvidence(input.with(15, 0xff))).toThrow(/has 42\d+ bytes, \d+ are left/)
  })
})

test('a lineage has one encoding and one hash', () => {
  const lineages = fc.record({
    modelRoot: hex(32),
    baseRoot: hex(32),
    datasetRoot: hex(32),
    taskRoot: hex(32),
    provider: hex(20),
    finishedAt: uint(64),
  })
  const property = fc.property(lineages, fc.nat(), (lineage, position) => {
    const encoded = encodeLineage(lineage)
    expect(encoded.length).toBe(157)
    expect(decodeLineage(encoded)).toEqual(lineage)
    expect(() => decodeLineage(encoded.subarray(0, position % 157))).toThrow(ZerogError)
    expect(lineageHash(encoded.with(position % 157, (encoded[position % 157] as number) ^ 1))).not.toBe(lineageHash(encoded))
  })
  fc.assert(property)
})

test('the epochs of DA lie where the compiler put them', () => {
  expect(daSigners.storage.epochs).toEqual({ slot: Number(DA_EPOCHS_SLOT), offset: 0, bytes: 32 })
})
