import { expect, test } from '@jest/globals'
import { cryptoRandom } from './crypto.ts'

test('numbers stay below their bound and reach all values', () => {
  const seen = new Set(Array.from({ length: 500 }, () => cryptoRandom.below(5)))
  expect([...seen].sort()).toEqual([0, 1, 2, 3, 4])
  expect(cryptoRandom.below(1)).toBe(0)
  expect(cryptoRandom.below(2 ** 32)).toBeLessThan(2 ** 32)
  for (const bound of [0, -1, 1.5, 2 ** 32 + 1]) expect(() => cryptoRandom.below(bound)).toThrow('bound')
})

test('bytes have the length that was asked for, ids are version 4', () => {
  expect(cryptoRandom.bytes(0).length).toBe(0)
  expect(cryptoRandom.bytes(33).length).toBe(33)
  expect(cryptoRandom.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})
