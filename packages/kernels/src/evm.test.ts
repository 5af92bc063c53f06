import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createEvmKernel, type EvmKernel } from './evm.ts'

const kernel = createEvmKernel()
const BITS = 256n
const MAX = (1n << BITS) - 1n
const low = (value: bigint): bigint => BigInt.asUintN(256, value)
const signed = (value: bigint): bigint => BigInt.asIntN(256, value)

function put(index: number, value: bigint): void {
  for (let i = 0; i < 8; i++) kernel.words[index + i] = Number(BigInt.asIntN(32, value >> BigInt(32 * i)))
}

function result(): bigint {
  return Array.from({ length: 8 }, (_, i) => BigInt((kernel.words[24 + i] as number) >>> 0) << BigInt(32 * i)).reduce(
    (a, b) => a | b,
  )
}

function power(base: bigint, exponent: bigint): bigint {
  let value = 1n
  for (let rest = exponent, square = base; rest > 0n; rest >>= 1n, square = low(square * square)) {
    if ((rest & 1n) === 1n) value = low(value * square)
  }
  return value
}

const wanted: Readonly<
  Record<Exclude<keyof EvmKernel, 'words' | 'blake' | 'blake2f'>, (a: bigint, b: bigint, m: bigint) => bigint>
> = {
  mul: (a, b) => low(a * b),
  div: (a, b) => (b === 0n ? 0n : a / b),
  mod: (a, b) => (b === 0n ? 0n : a % b),
  sdiv: (a, b) => (b === 0n ? 0n : low(signed(a) / signed(b))),
  smod: (a, b) => (b === 0n ? 0n : low(signed(a) % signed(b))),
  addmod: (a, b, m) => (m === 0n ? 0n : (a + b) % m),
  mulmod: (a, b, m) => (m === 0n ? 0n : (a * b) % m),
  exp: power,
}

/** Any length, digits of zeros and ones between others, and both sides of powers of two: where a digit of a quotient is guessed too high. */
const digits = fc
  .array(fc.oneof(fc.constantFrom(0, 1, 0xffffffff, 0x80000000, 0x7fffffff), fc.nat(0xffffffff)), { minLength: 1, maxLength: 8 })
  .map((list) => list.reduce((value, digit) => (value << 32n) | BigInt(digit), 0n))
const words = fc.oneof(
  digits,
  fc.bigInt({ min: 0n, max: MAX }),
  fc.tuple(fc.nat(255), fc.integer({ min: -2, max: 2 })).map(([bit, offset]) => low((1n << BigInt(bit)) + BigInt(offset))),
)

describe('256-bit words', () => {
  test.each(Object.keys(wanted) as (keyof typeof wanted)[])('%s is that of BigInt', (operation) => {
    fc.assert(
      fc.property(words, words, words, (a, b, m) => {
        put(0, a)
        put(8, b)
        put(16, m)
        kernel[operation]()
        expect([a, b, m, result()]).toEqual([a, b, m, wanted[operation](a, b, m)])
      }),
      { numRuns: operation === 'exp' ? 200 : 3_000 },
    )
  })
})

describe('the compression function of BLAKE2b', () => {
  // EIP-152: h, m and t of "abc", final block; h after 0, 1 and 12 rounds.
  const h =
    '48c9bdf267e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5d182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b'
  const message = `616263${'00'.repeat(125)}`
  const t = `03${'00'.repeat(15)}`
  const cases: readonly [rounds: number, isLast: boolean, h: string][] = [
    [
      0,
      true,
      '08c9bcf367e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5d282e6ad7f520e511f6c3e2b8c68059b9442be0454267ce079217e1319cde05b',
    ],
    [
      12,
      true,
      'ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923',
    ],
    [
      12,
      false,
      '75ab69d3190a562c51aef8d88f1c2775876944407270c42c9844252c26d2875298743e7f6d5ea2f2d3e8d226039cd31b4e426ac4f2d3d666a610c2116fde4735',
    ],
    [
      1,
      true,
      'b63a380cb2897d521994a85234ee2c181b5f844d2c624c002677e9703449d2fba551b3a8333bcdf5f2f7e08993d53923de3d64fcc68c034e717b9293fed7a421',
    ],
  ]
  test.each(cases)('%d rounds, last %s, as EIP-152 publishes', (rounds, isLast, expected) => {
    kernel.blake.set(Buffer.from(h + message + t, 'hex'))
    kernel.blake2f(rounds, isLast)
    expect(Buffer.from(kernel.blake.subarray(0, 64)).toString('hex')).toBe(expected)
  })
})
