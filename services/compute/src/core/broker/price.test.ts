import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { clampUsage, promptTokensBound } from './bounds.ts'
import { feeMax, feeOf, type Price } from './price.ts'

const plain: Price = { inputPrice: 3n, outputPrice: 7n, tiers: [], cachedDivisor: 1 }
const tier = (inputTokensMax: number, input: number, output: number) => ({
  inputTokensMax,
  inputMultiplier: input,
  inputMultiplierDenominator: 2,
  outputMultiplier: output,
  outputMultiplierDenominator: 2,
})
const tiered: Price = { ...plain, tiers: [tier(10, 2, 2), tier(100, 3, 5)], cachedDivisor: 4 }

describe('fees', () => {
  test("are 0G's formula where there are no tiers", () => {
    expect(feeOf(plain, { promptTokens: 11, completionTokens: 5, cachedTokens: 0 })).toBe(11n * 3n + 5n * 7n)
  })
  test('follow the tier of the prompt, and cost less out of the cache', () => {
    expect(feeOf(tiered, { promptTokens: 10, completionTokens: 1, cachedTokens: 0 })).toBe(37n)
    expect(feeOf(tiered, { promptTokens: 11, completionTokens: 1, cachedTokens: 0 })).toBe(49n + 17n)
    // Above the last bound its tier goes on.
    expect(feeOf(tiered, { promptTokens: 1000, completionTokens: 0, cachedTokens: 0 })).toBe(4500n)
    expect(feeOf(tiered, { promptTokens: 10, completionTokens: 0, cachedTokens: 4 })).toBe(18n + 3n)
  })
  test('are never above the reserved maximum, whatever usage comes within the bounds', () => {
    const count = fc.nat(5_000)
    const price = fc.record({
      inputPrice: fc.bigInt({ min: 0n, max: 10n ** 24n }),
      outputPrice: fc.bigInt({ min: 0n, max: 10n ** 24n }),
      tiers: fc
        .uniqueArray(fc.integer({ min: 1, max: 5_000 }), { maxLength: 5 })
        .chain((bounds) =>
          fc.tuple(
            ...bounds.sort((a, b) => a - b).map((bound) => fc.tuple(fc.nat(9), fc.nat(9)).map(([i, o]) => tier(bound, i, o))),
          ),
        ),
      cachedDivisor: fc.integer({ min: 1, max: 10 }),
    })
    fc.assert(
      fc.property(price, count, count, count, count, count, (of, promptMax, completionMax, prompt, completion, cached) => {
        const bounds = { promptTokensMax: promptMax, completionTokensMax: completionMax }
        const { clamped: _clamped, ...usage } = clampUsage(
          { promptTokens: prompt, completionTokens: completion, cachedTokens: cached },
          bounds,
        )
        expect(feeOf(of, usage) <= feeMax(of, promptMax, completionMax)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})

describe('bounds', () => {
  test('a claim beyond what was asked for is cut, and seen', () => {
    const bounds = { promptTokensMax: 10, completionTokensMax: 20 }
    expect(clampUsage({ promptTokens: 3, completionTokens: 4, cachedTokens: 2 }, bounds)).toEqual({
      promptTokens: 3,
      completionTokens: 4,
      cachedTokens: 2,
      clamped: false,
    })
    expect(clampUsage({ promptTokens: 30, completionTokens: 40, cachedTokens: 99 }, bounds)).toEqual({
      promptTokens: 10,
      completionTokens: 20,
      cachedTokens: 10,
      clamped: true,
    })
  })
  test('every prompt has fewer tokens than its bound', () => {
    expect(promptTokensBound({ textBytes: 100, messageCount: 2 })).toBeGreaterThan(100 + 2)
  })
})
