import { expect, test } from '@jest/globals'
import { ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { formatBytes, parseAmount, parseBlockId, parseBytes, parseRoot } from './values.ts'

test('bytes are read as 0x text, bare hex and base64, and refused otherwise', async () => {
  expect(await parseBytes('0xabcd')).toBe('0xabcd')
  expect(await parseBytes('abcd')).toBe('0xabcd')
  expect(await parseBytes('q80=')).toBe('0xabcd')
  expect(await parseBytes('base64:abcd')).toBe('0x69b71d')
  await expect(parseBytes('0xabc')).rejects.toThrow(/neither/)
})

test('amounts are exact and never floats', () => {
  expect(parseAmount('1.5')).toBe(1_500_000_000_000_000_000n)
  expect(parseAmount('0.000000000000000001')).toBe(1n)
  expect(parseAmount('3gwei')).toBe(3_000_000_000n)
  expect(parseAmount('7wei')).toBe(7n)
  for (const text of ['1.5wei', '-1', '1e18', '', 'ether']) expect(() => parseAmount(text)).toThrow(/no amount/)
})

test('a root is read with and without zg:// and a path', () => {
  const root = `0x${'ab'.repeat(32)}`
  for (const text of [root, root.slice(2), `zg://${root}`, `zg://${root}/a/b`]) expect(parseRoot(text)).toBe(root)
})

test('block ids', () => {
  expect(parseBlockId('12')).toBe(12n)
  expect(parseBlockId('0x0c')).toBe(12n)
  expect(parseBlockId('finalized')).toBe('latest')
  expect(() => parseBlockId('new')).toThrow(ZerogError)
})

test('no text makes a parser throw anything but a ZerogError', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string(), async (text) => {
      for (const parse of [parseAmount, parseBlockId, parseRoot, (value: string) => parseBytes(value.replace(/^@/, ''))]) {
        try {
          await parse(text)
        } catch (error) {
          expect(error).toBeInstanceOf(ZerogError)
        }
      }
    }),
  )
})

test('sizes are shown in binary units', () => {
  expect([0, 1023, 1024, 262_144, 5_000_000].map(formatBytes)).toEqual(['0 B', '1023 B', '1.00 KiB', '256.0 KiB', '4.77 MiB'])
})
