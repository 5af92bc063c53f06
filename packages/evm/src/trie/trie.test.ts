import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createMPT } from '@ethereumjs/mpt'
import { describe, expect, test } from '@jest/globals'
import { toHex } from '@zerog/primitives'
import fc from 'fast-check'
import { keccak256 } from '../codec/keccak.ts'
import { memoryNodes } from './memory-nodes.ts'
import { EMPTY_ROOT, type TrieUpdate, trieEntries, trieGet, trieProof, trieUpdate, verifyTrieProof } from './trie.ts'

function memoryTrie() {
  const { source, sink } = memoryNodes()
  return { source, update: (root: Uint8Array, updates: readonly TrieUpdate[]) => trieUpdate(root, updates, source, sink) }
}

// Keys from a tiny alphabet collide in long prefixes, so extensions split, merge and collapse all the time.
const key = fc
  .array(fc.constantFrom(0x00, 0x01, 0x10, 0x11, 0xff), { minLength: 4, maxLength: 4 })
  .map((bytes) => Uint8Array.from(bytes))
const value = fc.option(fc.uint8Array({ minLength: 1, maxLength: 40 }), { nil: null })
const batches = fc.array(fc.array(fc.record({ key, value }), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 8 })

describe('trie', () => {
  test('random batches give the roots, values and proofs of @ethereumjs/mpt', async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (rounds) => {
        const ours = memoryTrie()
        const oracle = await createMPT()
        const model = new Map<string, Uint8Array>()
        let root: Uint8Array = EMPTY_ROOT
        for (const round of rounds) {
          root = ours.update(root, round)
          for (const update of round) {
            if (update.value === null) {
              await oracle.del(update.key)
              model.delete(toHex(update.key))
            } else {
              await oracle.put(update.key, update.value)
              model.set(toHex(update.key), update.value)
            }
          }
          expect(toHex(root)).toBe(toHex(oracle.root()))
        }
        for (const update of rounds.flat()) {
          const wanted = model.get(toHex(update.key))
          expect(trieGet(root, update.key, ours.source)).toEqual(wanted)
          const proof = trieProof(root, update.key, ours.source)
          expect(verifyTrieProof(root, update.key, proof)).toEqual(wanted)
        }
        expect([...trieEntries(root, ours.source)]).toHaveLength(model.size)
      }),
      { numRuns: 200 },
    )
  })

  test('a proof with any flipped bit fails or names another value', () => {
    const { source, update } = memoryTrie()
    const updates = Array.from({ length: 50 }, (_, index) => ({
      key: keccak256(Uint8Array.of(index)),
      value: new Uint8Array(40).fill(index + 1),
    }))
    const root = update(EMPTY_ROOT, updates)
    const target = updates[7] as { key: Uint8Array; value: Uint8Array }
    const proof = trieProof(root, target.key, source)
    fc.assert(
      fc.property(fc.nat(proof.length - 1), fc.nat(), fc.nat(7), (at, byte, bit) => {
        const forged = proof.map((node) => node.slice())
        const node = forged[at] as Uint8Array
        const index = byte % node.length
        node[index] = (node[index] as number) ^ (1 << bit)
        expect(() => verifyTrieProof(root, target.key, forged)).toThrow(RangeError)
      }),
    )
  })

  test('deleting everything gives the empty root, and the old root stays readable', () => {
    const { source, update } = memoryTrie()
    const updates = Array.from({ length: 300 }, (_, index) => ({
      key: keccak256(Uint8Array.of(index & 255, index >> 8)),
      value: Uint8Array.of(1, index & 255),
    }))
    const full = update(EMPTY_ROOT, updates)
    const empty = update(
      full,
      updates.map(({ key: deleted }) => ({ key: deleted, value: null })),
    )
    expect(empty).toEqual(EMPTY_ROOT)
    expect(trieGet(full, updates[123]?.key as Uint8Array, source)).toEqual(updates[123]?.value)
  })
})

const folder = join(process.env.ZEROG_FIXTURES ?? join(process.cwd(), '../shared/fixtures'), 'chain/ethereum-tests/TrieTests')
const present = existsSync(folder)
if (!present && process.env.ZEROG_REQUIRE_FIXTURES === '1') throw new Error(`fixtures are missing: ${folder}`)

const describeFixtures = present ? describe : describe.skip
describeFixtures('ethereum/tests TrieTests', () => {
  const bytes = (text: string): Uint8Array =>
    new Uint8Array(text.startsWith('0x') ? Buffer.from(text.slice(2), 'hex') : Buffer.from(text))
  type Case = { in: [string, string | null][] | Record<string, string | null>; root: string }
  for (const file of [
    'trietest',
    'trieanyorder',
    'trietest_secureTrie',
    'trieanyorder_secureTrie',
    'hex_encoded_securetrie_test',
  ]) {
    const path = join(folder, `${file}.json`)
    if (!present || !existsSync(path)) continue
    const cases = JSON.parse(readFileSync(path, 'utf8')) as Record<string, Case>
    const secure = file.toLowerCase().includes('secure')
    test.each(Object.entries(cases))(`${file} %s`, (_name, { in: input, root }) => {
      const { update } = memoryTrie()
      const updates = (Array.isArray(input) ? input : Object.entries(input)).map(([name, given]) => ({
        key: secure ? keccak256(bytes(name)) : bytes(name),
        value: given === null ? null : bytes(given),
      }))
      expect(toHex(update(EMPTY_ROOT, updates))).toBe(root)
      // The same one by one.
      let stepwise: Uint8Array = EMPTY_ROOT
      for (const single of updates) stepwise = update(stepwise, [single])
      expect(toHex(stepwise)).toBe(root)
    })
  }
})
