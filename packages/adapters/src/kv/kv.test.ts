import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { bytesOf, temporaryFolder } from '../testing.ts'
import { lmdbKv } from './embedded.ts'
import { memoryKv } from './memory.ts'
import { sealBytes } from './seal.ts'
import { kvSuite } from './suite.ts'
import { verifyKv } from './verify.ts'

kvSuite('memory', async () => ({ kv: memoryKv(), dispose: async () => {} }))

kvSuite('lmdb', async () => {
  const folder = temporaryFolder('kv')
  let kv = lmdbKv({ path: folder.path })
  return {
    kv,
    reopen: async () => {
      await kv.close()
      kv = lmdbKv({ path: folder.path })
      return kv
    },
    dispose: async () => {
      await kv.close()
      folder.remove()
    },
  }
})

describe('lmdb store', () => {
  let folder: ReturnType<typeof temporaryFolder>
  beforeEach(() => {
    folder = temporaryFolder('kv')
  })
  afterEach(() => folder.remove())

  const row = (n: number) => {
    const key = new Uint8Array(Buffer.alloc(8))
    new DataView(key.buffer).setUint32(0, Math.imul(n, 2_654_435_761) >>> 0)
    return key
  }

  test('a second opening is refused while the first one is open, and possible after it closed', async () => {
    const kv = lmdbKv({ path: folder.path })
    expect(() => lmdbKv({ path: folder.path })).toThrow(expect.objectContaining({ reason: 'DATA_FOLDER_IN_USE' }))
    await kv.close()
    await lmdbKv({ path: folder.path }).close()
  })

  test('a lock that a killed process left is healed', async () => {
    await lmdbKv({ path: folder.path }).close()
    // This pid lives, but it was not started at tick 1: the number was used again.
    writeFileSync(join(folder.path, 'lock'), JSON.stringify({ pid: process.ppid, started: '1', boot: 'another boot' }))
    await lmdbKv({ path: folder.path }).close()
    writeFileSync(join(folder.path, 'lock'), 'torn')
    await lmdbKv({ path: folder.path }).close()
    expect(existsSync(join(folder.path, 'lock'))).toBe(false)
  })

  test('a writer that never flushes stays bounded and loses nothing', async () => {
    const kv = lmdbKv({ path: folder.path })
    const value = new Uint8Array(60_000).fill(7)
    for (let n = 0; n < 400; n++) kv.write([{ table: 't', key: row(n), value }])
    // 24 MB were written, so at least two commits of 8 MiB took place without a flush.
    expect(verifyKv(folder.path).recordCount).toBeGreaterThan(250)
    expect([...kv.range('t')].length).toBe(400)
    await kv.close()
  })

  test('verification finds a healthy store sound after much churn', async () => {
    const kv = lmdbKv({ path: folder.path })
    for (let round = 0; round < 40; round++) {
      const writes = Array.from({ length: 300 }, (_, n) => ({
        table: 'churn',
        key: row(n * 3 + round),
        value: n % 4 === round % 4 ? null : new Uint8Array((n * 37 + round * 911) % 9000).fill(round),
      }))
      kv.write(writes)
      await kv.flush()
      if (round % 8 === 0) expect(verifyKv(folder.path).damage).toEqual([])
    }
    const expected = [...kv.range('churn')].length
    await kv.close()
    expect(verifyKv(folder.path)).toEqual({ recordCount: expected + 1, damage: [] })
  })

  test('a damaged value is refused with store, table and key named; its neighbours are read', async () => {
    let kv = lmdbKv({ path: folder.path })
    kv.write([
      { table: 'accounts', key: bytesOf('alice'), value: bytesOf('balance-of-alice') },
      { table: 'accounts', key: bytesOf('bob'), value: bytesOf('balance-of-bob') },
    ])
    await kv.close()
    const file = join(folder.path, 'data.mdb')
    const bytes = readFileSync(file)
    let at = bytes.indexOf('balance-of-alice')
    // Old copies of the page may still lie in the file: damage all of them.
    for (; at >= 0; at = bytes.indexOf('balance-of-alice', at + 1)) bytes.writeUInt8(bytes.readUInt8(at + 3) ^ 1, at + 3)
    writeFileSync(file, bytes)
    kv = lmdbKv({ path: folder.path, name: 'state' })
    expect(() => kv.get('accounts', bytesOf('alice'))).toThrow(
      expect.objectContaining({ reason: 'RECORD_CORRUPT', metadata: { store: 'state', table: 'accounts', key: '0x616c696365' } }),
    )
    expect(() => [...kv.range('accounts')]).toThrow(expect.objectContaining({ reason: 'RECORD_CORRUPT' }))
    expect(kv.get('accounts', bytesOf('bob'))).toEqual(bytesOf('balance-of-bob'))
    await kv.close()
  })

  test('a damaged key refuses the store, because the right one would be missing without a word', async () => {
    const kv = lmdbKv({ path: folder.path })
    kv.write([
      { table: 'accounts', key: bytesOf('alice'), value: bytesOf('1') },
      { table: 'accounts', key: bytesOf('carol'), value: bytesOf('2') },
    ])
    await kv.close()
    const file = join(folder.path, 'data.mdb')
    // Still in order: alice, barol.
    writeFileSync(file, Buffer.from(readFileSync(file).toString('latin1').replaceAll('carol', 'barol'), 'latin1'))
    expect(() => lmdbKv({ path: folder.path })).toThrow(
      expect.objectContaining({ reason: 'DATA_FOLDER_DAMAGED', message: expect.stringContaining('the key of a record') }),
    )
  })

  test('verification of any damaged file ends with a verdict, never with an exception', async () => {
    const kv = lmdbKv({ path: folder.path })
    for (let n = 0; n < 300; n++) kv.write([{ table: 't', key: row(n), value: new Uint8Array((n * 53) % 6000).fill(n) }])
    await kv.flush()
    for (let n = 0; n < 300; n += 2) kv.write([{ table: 't', key: row(n), value: null }])
    await kv.close()
    const file = join(folder.path, 'data.mdb')
    const whole = readFileSync(file)
    const span = fc.record({
      // Often the meta pages and the beginnings of pages, where the structure is.
      at: fc.oneof(
        fc.nat(8191),
        fc.nat(whole.length - 1),
        fc.nat(whole.length / 4096 - 1).map((page) => page * 4096 + 16),
      ),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }),
    })
    const damage = fc.record({ spans: fc.array(span, { maxLength: 4 }), length: fc.option(fc.nat(whole.length), { freq: 8 }) })
    fc.assert(
      fc.property(damage, ({ spans, length }) => {
        const bytes = Buffer.from(whole)
        for (const { at, bytes: garbage } of spans) bytes.set(garbage.subarray(0, bytes.length - at), at)
        writeFileSync(file, bytes.subarray(0, length ?? bytes.length))
        const verdict = verifyKv(folder.path)
        const cut = length !== null && length < 8192
        expect(verdict.damage.length > 0 || !cut).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  test('an older copy of the file than was acknowledged is refused', async () => {
    let kv = lmdbKv({ path: folder.path })
    kv.write([{ table: 't', key: bytesOf('a'), value: bytesOf('1') }])
    await kv.close()
    const old = readFileSync(join(folder.path, 'data.mdb'))
    kv = lmdbKv({ path: folder.path })
    kv.write([{ table: 't', key: bytesOf('a'), value: bytesOf('2') }])
    await kv.close()
    writeFileSync(join(folder.path, 'data.mdb'), old)
    expect(() => lmdbKv({ path: folder.path })).toThrow(expect.objectContaining({ reason: 'DATA_FOLDER_DAMAGED' }))
  })

  test('a torn seal counts as none', async () => {
    await lmdbKv({ path: folder.path }).close()
    writeFileSync(join(folder.path, 'seal'), sealBytes(9n).subarray(0, 11))
    await lmdbKv({ path: folder.path }).close()
  })

  test('a file in place of the folder gives one sentence with the remedy', () => {
    const path = join(folder.path, 'file')
    writeFileSync(path, '')
    expect(() => lmdbKv({ path })).toThrow(expect.objectContaining({ reason: 'CONFIG_INVALID' }))
  })
})
