import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeStoreKey, manifestKey, packKey } from './holding-key.ts'
import { createHoldings } from './holdings.ts'
import { decodeManifest, encodeManifest, packLayout } from './manifest.ts'

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const u64 = fc.bigInt(0n, 2n ** 64n - 1n)
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 })
const statement = fc.record({
  commitment: hash,
  k: u32,
  n: u32,
  rowBytes: u32,
  payloadBytes: u32,
  epoch: u64,
  committee: u32,
  expiry: u64,
})

describe('keys of the row store', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(statement, u32, (bundle, rows) => {
        expect(decodeStoreKey(manifestKey(bundle, rows))).toEqual({ kind: 'manifest', bundle, rows })
        const { commitment, epoch, committee } = bundle
        expect(decodeStoreKey(packKey(bundle, rows))).toEqual({
          kind: 'pack',
          holding: { commitment, epoch, committee },
          ordinal: rows,
        })
      }),
    )
  })
  test('lie in the order of their expiry', () => {
    fc.assert(
      fc.property(statement, u64, (bundle, other) => {
        const order = Buffer.compare(manifestKey(bundle, 0), manifestKey({ ...bundle, expiry: other }, 0))
        expect(Math.sign(order)).toBe(bundle.expiry === other ? 0 : bundle.expiry < other ? -1 : 1)
      }),
    )
  })
  test('are told from anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const key = decodeStoreKey(bytes)
        if (key === undefined) return
        const again = key.kind === 'manifest' ? manifestKey(key.bundle, key.rows) : packKey(key.holding, key.ordinal)
        expect(Buffer.compare(again, bytes)).toBe(0)
      }),
    )
  })
})

describe('a manifest', () => {
  const k = 4
  const manifest = fc.record({
    rowRoot: hash,
    rlc: fc.uint8Array({ minLength: 16 * k, maxLength: 16 * k }),
    indexes: fc.array(fc.integer({ min: 0, max: 65_535 }), { maxLength: 50 }),
  })
  test('comes back as it was, and no other bytes give one that is written differently', () => {
    fc.assert(fc.property(manifest, (given) => expect(decodeManifest(encodeManifest(given), k)).toEqual(given)))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const read = decodeManifest(bytes, k)
        if (read !== undefined) expect(Buffer.compare(encodeManifest(read), bytes)).toBe(0)
      }),
    )
  })
  test('of the largest bundle fits into a value, as do its packs', () => {
    const largest = { k: 4096, n: 12_288, rowBytes: 32_768 }
    const value = encodeManifest({
      rowRoot: new Uint8Array(32),
      rlc: new Uint8Array(16 * 4096),
      indexes: Array.from({ length: 16_384 }, (_, index) => index),
    })
    expect(value.length).toBeLessThan(4 * 1024 * 1024)
    const { rowsPerPack, strideBytes } = packLayout(largest)
    expect(rowsPerPack).toBeGreaterThan(100)
    expect(rowsPerPack * strideBytes).toBeLessThanOrEqual(4 * 1024 * 1024)
  })
})

test('promises end in the order of their minutes, each once, and rows with the last one', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.bigInt(0n, 1000n)), { maxLength: 40 }), (promised) => {
      const holdings = createHoldings()
      const bundleOf = (name: number, expiry: bigint) => ({
        commitment: new Uint8Array(32).fill(name),
        k: 4,
        n: 12,
        rowBytes: 64,
        payloadBytes: 100,
        epoch: 1n,
        committee: 0,
        expiry,
      })
      for (const [name, expiry] of promised) holdings.add(bundleOf(name, expiry), { rows: 3, packs: 1 })
      const distinct = new Set(promised.map(([name, expiry]) => `${name}/${expiry}`))
      expect(holdings.count()).toBe(new Set(promised.map(([name]) => name)).size)
      const ended: bigint[] = []
      for (let now = 0n; now <= 1100n; now += 20n) {
        for (const bundle of holdings.expired(now, 100)) {
          expect(bundle.expiry).toBeLessThan(now)
          expect(now - bundle.expiry).toBeLessThanOrEqual(80n)
          ended.push(bundle.expiry)
          holdings.dropPromise(bundle)
        }
      }
      expect(ended).toHaveLength(distinct.size)
      expect([holdings.count(), holdings.rowCount()]).toEqual([0, 0])
    }),
  )
})
