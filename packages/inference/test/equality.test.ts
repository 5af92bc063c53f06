import { expect, it } from '@jest/globals'
import { compareMany } from '../tools/equality.ts'

const MODELS = process.env.ZEROG_TEST_LONG === '1' ? 1_000 : 60

it(`${MODELS} random models give the same bits by interpreter and WebAssembly, prefill and decode, alone and in batches`, () => {
  const seed = 2
  const { compared } = compareMany({ seed, first: 0, count: MODELS })
  expect(compared).toBeGreaterThan(MODELS * 20)
})
