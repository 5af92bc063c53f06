import { describe, expect, test } from '@jest/globals'
import { ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import {
  attachAnswer,
  buildEvidence,
  decodeEvidence,
  decodeMaterial,
  encodeEvidence,
  encodeMaterial,
  openBatch,
  verifyBundle,
} from '../src/index.ts'
import { createWorld } from './world.ts'

const reasonOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof ZerogError) return error.reason
    throw error
  }
  return 'nothing'
}

describe.each([
  ['settlements with a carry', { users: 3, receipts: 8, carry: true }],
  ['nothing to settle, no model', { users: 2, receipts: 3, free: true, model: false }],
  ['a bundle of rows beyond the smallest', { users: 2, receipts: 700 }],
  ['a committee of several accounts', { receipts: 2, daMembers: 200 }],
])('evidence from the material of a batch: %s', (_, options) => {
  test('is byte for byte that of the answer alone', async () => {
    const world = await createWorld({ seed: 'build', ...options })
    const material = decodeMaterial(encodeMaterial(await world.material()))
    const { contracts } = world.trust
    for (const index of [0, 1, Math.min(6, (options.receipts ?? 1) - 1)]) {
      const alone = await world.evidence(index)
      const built = encodeEvidence(buildEvidence(alone.receipt, { material, find: openBatch(world.blob), contracts }))
      expect(built).toEqual(encodeEvidence(alone))
      expect(verifyBundle(built, world.trust).ok).toBe(true)
    }
  })
})

describe('with parts missing', () => {
  const building = async () => {
    const world = await createWorld({ seed: 'missing' })
    const [material, alone] = await Promise.all([world.material(), world.evidence(1)])
    const attempt = (changed: Partial<typeof material>, blob = world.blob) =>
      reasonOf(() =>
        buildEvidence(alone.receipt, {
          material: { ...material, ...changed },
          find: openBatch(blob),
          contracts: world.trust.contracts,
        }),
      )
    return { material, attempt }
  }
  test('nothing is built without rows, nodes or the claim', async () => {
    const { material, attempt } = await building()
    expect(attempt({})).toBe('nothing')
    expect(attempt({ rows: material.rows.slice(0, 1) })).toBe('NOT_FOUND')
    expect(attempt({ nodes: material.nodes.slice(0, 3) })).toBe('PROOF_INVALID')
    const other = await createWorld({ seed: 'another' })
    expect(attempt({}, other.blob)).toBe('NOT_FOUND')
  })
})

describe('request and answer', () => {
  test('go into evidence that names them, and into no other', async () => {
    const world = await createWorld({ seed: 'attach' })
    const [hashes, full] = await Promise.all([world.bytes(2), world.bytes(2, true)])
    const answer = decodeEvidence(full).answer as { request: Uint8Array; response: Uint8Array }
    expect(attachAnswer(hashes, answer)).toEqual(full)
    expect(reasonOf(() => attachAnswer(hashes, { ...answer, response: answer.request }))).toBe('VERIFICATION_FAILED')
    expect(reasonOf(() => attachAnswer(hashes, { ...answer, request: new Uint8Array() }))).toBe('VERIFICATION_FAILED')
  })
})

describe('material that is no material', () => {
  test('is refused with ENCODING_INVALID, whatever was changed', async () => {
    const bytes = encodeMaterial(await (await createWorld({ seed: 'fuzz', receipts: 2 })).material())
    const change = fc.record({ at: fc.nat(bytes.length - 1), value: fc.nat(255), cut: fc.nat(bytes.length), grow: fc.nat(3) })
    fc.assert(
      fc.property(change, ({ at, value, cut, grow }) => {
        const changed = new Uint8Array(bytes.length + grow)
        changed.set(bytes)
        changed[at] = value
        for (const given of [changed, bytes.subarray(0, cut)]) {
          const reason = reasonOf(() => decodeMaterial(given))
          expect(['nothing', 'ENCODING_INVALID']).toContain(reason)
          // One encoding: what is read is written the same.
          if (reason === 'nothing') expect(encodeMaterial(decodeMaterial(given))).toEqual(new Uint8Array(given))
        }
      }),
      { numRuns: 300 },
    )
  })
})
