import { expect, it } from '@jest/globals'
import { sha256 } from '@zerog/kernels'
import { toHex } from '@zerog/primitives'
import fc from 'fast-check'
import { POWERS_Q16, powerQ24, roundShift, scaledRoot } from './arithmetic.ts'

it('rounds shifted values to the nearest, halves away from zero, as 64-bit integers would', () => {
  const exact = (value: bigint, shift: bigint): bigint => {
    const magnitude = ((value < 0n ? -value : value) + (shift === 0n ? 0n : 1n << (shift - 1n))) >> shift
    return value < 0n ? -magnitude : magnitude
  }
  const values = fc.bigInt({ min: -(2n ** 52n) + 1n, max: 2n ** 52n - 1n })
  fc.assert(
    fc.property(values, fc.integer({ min: 0, max: 47 }), (value, shift) => {
      expect(BigInt(roundShift(Number(value), shift))).toBe(exact(value, BigInt(shift)))
    }),
  )
  expect([roundShift(3, 1), roundShift(-3, 1), roundShift(1, 1), roundShift(-1, 1), roundShift(5, 0)]).toEqual([2, -2, 1, -1, 5])
})

it('takes exact square roots, also next to squares', () => {
  const isRoot = (value: number): void => {
    const root = BigInt(scaledRoot(value))
    const target = BigInt(value) << 10n
    expect(root * root <= target && (root + 1n) ** 2n > target).toBe(true)
  }
  for (const value of [0, 1, 2, 3, 4, 2 ** 50 - 1, 2 ** 40, 2 ** 40 - 1]) isRoot(value)
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => isRoot(Math.abs(value) % 2 ** 50)))
  fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 25 - 1 }), (root) => [root * root, root * root - 1].forEach(isRoot)))
})

it('has the tables of the specification', () => {
  expect(POWERS_Q16.every((power, i) => power === Math.round(65_536 * 2 ** (-i / 256)))).toBe(true)
  const bytes = new Uint8Array(1_024)
  for (const [i, power] of POWERS_Q16.entries()) new DataView(bytes.buffer).setUint32(4 * i, power, true)
  expect(toHex(sha256(bytes))).toMatchInlineSnapshot(`"0x79712b0d9d00cebec1bff60242730bbb68d7285134a8223d2584aa05b3b429d5"`)
})

it('gives powers of two that fall with the distance and are close to the real ones', () => {
  expect(powerQ24(0)).toBe(2 ** 24)
  expect(powerQ24(25 * 65_536)).toBe(0)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 24 * 65_536 }), (distance) => {
      expect(powerQ24(distance)).toBeGreaterThanOrEqual(powerQ24(distance + 1))
      expect(Math.abs(powerQ24(distance) - 2 ** (24 - distance / 65_536))).toBeLessThanOrEqual(3)
    }),
  )
})
