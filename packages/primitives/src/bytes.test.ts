import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { bigintToBytes, bytesToBigint, fromHex, isHex, toHex } from './bytes.ts'

/** The same converter in an engine that has none, one or both of what the functions prefer. */
const engines = {
  Node: (work: () => void) => work(),
  'a browser without native hex': (work: () => void) => withChanged(globalThis, { Buffer: undefined }, work),
  'an engine with native hex': (work: () => void) =>
    withChanged(globalThis, { Buffer: undefined }, () =>
      withChanged(Uint8Array, { fromHex: nativeFromHex }, () => withChanged(Uint8Array.prototype, { toHex: nativeToHex }, work)),
    ),
}

function nativeToHex(this: Uint8Array): string {
  return Array.from(this, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function nativeFromHex(digits: string): Uint8Array {
  if (!/^[0-9a-fA-F]*$/.test(digits)) throw new SyntaxError('not hex')
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

function withChanged(target: object, properties: Readonly<Record<string, unknown>>, work: () => void): void {
  const before = Object.keys(properties).map((name) => [name, Object.getOwnPropertyDescriptor(target, name)] as const)
  for (const [name, value] of Object.entries(properties)) {
    Object.defineProperty(target, name, { value, configurable: true, writable: true })
  }
  try {
    work()
  } finally {
    for (const [name, descriptor] of before) {
      Reflect.deleteProperty(target, name)
      if (descriptor !== undefined) Object.defineProperty(target, name, descriptor)
    }
  }
}

describe.each(Object.entries(engines))('hexadecimal in %s', (_, inEngine) => {
  test('is two lower-case digits per byte and reads back, whatever the bytes', () => {
    inEngine(() => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat({ max: 5 }), (bytes, offset) => {
          const view = bytes.subarray(Math.min(offset, bytes.length)) // a view into a larger buffer, too
          const text = toHex(view)
          expect(text).toBe(`0x${nativeToHex.call(view)}`)
          expect(Array.from(fromHex(text))).toEqual(Array.from(view))
          expect(Array.from(fromHex(text.toUpperCase().replace('X', 'x'), view.length))).toEqual(Array.from(view))
        }),
      )
    })
  })

  test('is refused unless every character is a digit and the length fits', () => {
    inEngine(() => {
      for (const text of ['', '0', '1x00', '0X00', '0x0', '0x0g', '0x 0', '0x00\n', '00', '0x0x', '0x٠٠']) {
        expect(isHex(text)).toBe(false)
        expect(() => fromHex(text)).toThrow(RangeError)
      }
      expect(() => fromHex('0x00', 2)).toThrow(RangeError)
      fc.assert(fc.property(fc.string(), (text) => isHex(text) === (text.length % 2 === 0 && /^0x[\da-f]*$/i.test(text))))
    })
  })
})

test('a text of megabytes is answered, not a stack overflow', () => {
  const text = `0x${'ab'.repeat(8 * 2 ** 20)}`
  expect(isHex(text)).toBe(true)
  expect(isHex(`${text}g0`)).toBe(false)
  expect(fromHex(text).length).toBe(8 * 2 ** 20)
})

test('a number fills exactly the bytes that it is given, or is refused', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 264n }), fc.integer({ min: 0, max: 40 }), (number, length) => {
      const value = BigInt.asUintN(1 + Number(number % 264n), number) // of every size
      if (value >= 2n ** BigInt(8 * length)) return expect(() => bigintToBytes(value, length)).toThrow(RangeError)
      const bytes = bigintToBytes(value, length)
      expect(toHex(bytes)).toBe(`0x${length === 0 ? '' : value.toString(16).padStart(2 * length, '0')}`)
      expect(bytesToBigint(bytes)).toBe(value)
    }),
  )
  expect(() => bigintToBytes(-1n, 4)).toThrow(RangeError)
  expect(toHex(bigintToBytes(2n ** 48n - 1n, 6))).toBe('0xffffffffffff')
  expect(toHex(bigintToBytes(2n ** 48n, 7))).toBe('0x01000000000000')
})
