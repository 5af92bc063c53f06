import { describe, expect, jest, test } from '@jest/globals'
import type { BlobStore, Kv } from '@zerog/ports'
import type { FaultRates } from './faults.ts'
import type { SimNode } from './node.ts'
import { Sim } from './sim.ts'

jest.setTimeout(60_000)

type App = { readonly kv: Kv; readonly blobs: BlobStore }

const key = (number: number) => Uint8Array.of(number)

/** Runs `body` for many seeds on a node with one Kv and one BlobStore. */
async function onDisks(
  options: { readonly seeds: number; readonly faults?: FaultRates },
  body: (node: SimNode<App>, sim: Sim) => Promise<void>,
) {
  for (let seed = 1n; seed <= BigInt(options.seeds); seed++) {
    const sim = new Sim({ seed, swarm: false, faults: options.faults ?? {} })
    await sim.run(async () => {
      const open = async (env: { kv: (name: string) => Promise<Kv>; blobs: (name: string) => Promise<BlobStore> }) => ({
        kv: await env.kv('state'),
        blobs: await env.blobs('segments'),
      })
      const node = sim.node('disk', open, { tolerate: () => true })
      node.start()
      await node.ready()
      await body(node, sim)
    })
  }
}

const keysOf = (kv: Kv) => [...kv.range('t')].map(([k]) => k[0] as number)

describe('Kv', () => {
  test('after a power cut a prefix of the writes is there, never less than what was flushed; all lengths occur', async () => {
    const lengths = new Set<number>()
    await onDisks({ seeds: 60 }, async (node) => {
      const { kv } = await node.ready()
      for (let number = 0; number < 3; number++) kv.write([{ table: 't', key: key(number), value: key(number) }])
      await kv.flush()
      for (let number = 3; number < 8; number++) kv.write([{ table: 't', key: key(number), value: key(number) }])
      node.crash({ power: true })
      const keys = keysOf((await node.ready()).kv)
      expect(keys).toEqual(Array.from({ length: keys.length }, (_, number) => number))
      expect(keys.length).toBeGreaterThanOrEqual(3)
      lengths.add(keys.length)
    })
    expect([...lengths].sort()).toEqual([3, 4, 5, 6, 7, 8])
  })

  test('one write of many records is there whole or not at all', async () => {
    const sizes = new Set<number>()
    await onDisks({ seeds: 20 }, async (node) => {
      const { kv } = await node.ready()
      kv.write([0, 1, 2, 3].map((number) => ({ table: 't', key: key(number), value: key(1) })))
      node.crash({ power: true })
      sizes.add(keysOf((await node.ready()).kv).length)
    })
    expect([...sizes].sort()).toEqual([0, 4])
  })

  test('SIGKILL loses nothing; a power cut before the next start may, none after it', async () => {
    let lost = 0
    await onDisks({ seeds: 20 }, async (node) => {
      const { kv } = await node.ready()
      kv.write([{ table: 't', key: key(1), value: key(1) }])
      node.crash({ power: false })
      const { kv: reopened } = await node.ready()
      node.crash({ power: true })
      expect(keysOf((await node.ready()).kv)).toEqual([1])
      const { kv: last } = await node.ready()
      expect(last).not.toBe(reopened)
      last.write([{ table: 't', key: key(1), value: null }])
      node.crash({ power: false, downMs: null })
      node.crash({ power: true })
      lost += keysOf((await node.ready()).kv).length === 0 ? 1 : 0
    })
    expect(lost).toBeGreaterThan(0)
    expect(lost).toBeLessThan(20)
  })

  test('a flush covers what was written before the call, not what came during the sync', async () => {
    let lost = 0
    await onDisks({ seeds: 20 }, async (node) => {
      const { kv } = await node.ready()
      kv.write([{ table: 't', key: key(1), value: key(1) }])
      const flushed = kv.flush()
      kv.write([{ table: 't', key: key(2), value: key(2) }])
      await flushed
      node.crash({ power: true })
      const keys = keysOf((await node.ready()).kv)
      expect(keys).toContain(1)
      lost += keys.includes(2) ? 0 : 1
    })
    expect(lost).toBeGreaterThan(0)
  })

  test('a dead process writes into the void', async () => {
    await onDisks({ seeds: 3 }, async (node) => {
      const { kv } = await node.ready()
      node.crash({ power: false })
      kv.write([{ table: 't', key: key(9), value: key(9) }])
      const { kv: reopened } = await node.ready()
      kv.write([{ table: 't', key: key(8), value: key(8) }])
      expect(keysOf(reopened)).toEqual([])
    })
  })

  test('a flipped bit ends in RECORD_CORRUPT with store, table and key', async () => {
    await onDisks({ seeds: 20 }, async (node) => {
      const { kv } = await node.ready()
      kv.write([{ table: 't', key: key(7), value: new Uint8Array(100) }])
      await kv.flush()
      expect(node.disk.flipBit()).toBe(true)
      const expected = { reason: 'RECORD_CORRUPT', metadata: { store: 'disk/state', table: 't', key: '0x07' } }
      expect(() => kv.get('t', key(7))).toThrow(expect.objectContaining(expected))
      expect(() => [...kv.range('t')]).toThrow(expect.objectContaining(expected))
      node.crash()
      const { kv: reopened } = await node.ready()
      expect(() => reopened.get('t', key(7))).toThrow(expect.objectContaining(expected))
      reopened.write([{ table: 't', key: key(7), value: key(1) }])
      expect(reopened.get('t', key(7))).toEqual(key(1))
    })
  })

  test('ENOSPC writes nothing; after EIO nothing is promised until the process restarts', async () => {
    await onDisks({ seeds: 2, faults: { 'disk.full': 1 } }, async (node) => {
      const { kv } = await node.ready()
      expect(() => kv.write([{ table: 't', key: key(1), value: key(1) }])).toThrow(
        expect.objectContaining({ reason: 'DISK_FULL' }),
      )
      expect(keysOf(kv)).toEqual([])
    })
    await onDisks({ seeds: 10, faults: { 'disk.io_error': 0.5 } }, async (node, sim) => {
      const { kv } = await node.ready()
      const damaged = { reason: 'DATA_FOLDER_DAMAGED' }
      for (let number = 0; ; number++) {
        kv.write([{ table: 't', key: key(number), value: key(1) }])
        const failure = await kv.flush().catch((error) => error)
        if (failure === undefined) continue
        expect(failure).toMatchObject(damaged)
        break
      }
      sim.faults.quieten()
      await expect(kv.flush()).rejects.toMatchObject(damaged)
      expect(() => kv.write([{ table: 't', key: key(1), value: key(1) }])).toThrow(expect.objectContaining(damaged))
      node.crash()
      await (await node.ready()).kv.flush()
    })
  })
})

describe('BlobStore', () => {
  test('what a put resolved for survives a power cut; of the rest any part, whole, torn or gone', async () => {
    const fates = new Set<string>()
    await onDisks({ seeds: 60 }, async (node) => {
      const { blobs } = await node.ready()
      const value = new Uint8Array(5_000).fill(7)
      await blobs.put(key(0), value)
      void blobs.put(key(1), value)
      void blobs.put(key(2), value)
      node.crash({ power: true })
      const { blobs: reopened } = await node.ready()
      expect(await reopened.get(key(0))).toEqual(value)
      const fate = async (number: number) => {
        if (!reopened.has(key(number))) return 'gone'
        return reopened.get(key(number)).then(
          (bytes) => (Buffer.from(bytes ?? []).equals(value) ? 'whole' : 'WRONG'),
          (error) => error.reason,
        )
      }
      fates.add(`${await fate(1)} ${await fate(2)}`)
    })
    expect([...fates].join()).not.toContain('WRONG')
    for (const pair of ['gone whole', 'whole gone', 'RECORD_CORRUPT whole', 'gone gone', 'whole whole'])
      expect(fates).toContain(pair)
  })

  test('a torn blob is found by scrub and healed by putting it again', async () => {
    let healed = 0
    await onDisks({ seeds: 30 }, async (node) => {
      const { blobs } = await node.ready()
      const value = new Uint8Array(200_000).fill(1)
      void blobs.put(key(1), value)
      node.crash({ power: true })
      const { blobs: reopened } = await node.ready()
      const damaged: number[] = []
      for await (const { key: found } of reopened.scrub()) damaged.push(found[0] as number)
      const isTorn = await reopened.get(key(1)).then(
        () => false,
        () => true,
      )
      expect(damaged).toEqual(isTorn ? [1] : [])
      await reopened.put(key(1), value)
      // Buffers compare natively; the matcher would look at every byte.
      expect(Buffer.from((await reopened.get(key(1))) ?? []).equals(value)).toBe(true)
      healed += isTorn ? 1 : 0
    })
    expect(healed).toBeGreaterThan(0)
  })

  test('a delete that did not resolve may be undone by a power cut, one that did may not', async () => {
    const there = new Set<boolean>()
    await onDisks({ seeds: 20 }, async (node) => {
      const { blobs } = await node.ready()
      await blobs.put(key(1), key(1))
      await blobs.put(key(2), key(2))
      await blobs.delete(key(1))
      void blobs.delete(key(2))
      node.crash({ power: true })
      const { blobs: reopened } = await node.ready()
      expect(reopened.has(key(1))).toBe(false)
      there.add(reopened.has(key(2)))
    })
    expect(there.size).toBe(2)
  })

  test('a read verifies the blocks that it touches and no others', async () => {
    await onDisks({ seeds: 1 }, async (node) => {
      const { blobs } = await node.ready()
      const value = new Uint8Array(3 * 65_536)
      await blobs.put(key(1), value)
      node.disk.flipBit()
      const isReadable = (offset: number) =>
        blobs.get(key(1), { offset, length: 10 }).then(
          () => true,
          () => false,
        )
      const readable = [await isReadable(0), await isReadable(65_536), await isReadable(131_072)]
      expect(readable.filter((is) => !is).length).toBe(1)
      await expect(blobs.get(key(1))).rejects.toMatchObject({
        reason: 'RECORD_CORRUPT',
        metadata: { store: 'disk/segments', key: '0x01' },
      })
    })
  })
})
