import { expect, it } from '@jest/globals'
import fc from 'fast-check'
import { greedyToken, log2Q32, logprobOf, sampleToken } from './sampling.ts'

const logitsArbitrary = fc
  .array(fc.integer({ min: -20 * 65_536, max: 20 * 65_536 }), { minLength: 2, maxLength: 300 })
  .map((values) => Int32Array.from(values))
const ALL = { temperatureMilli: 1_000, topPMilli: 1_000, topK: 0 }

it('takes the largest logit, of equal ones the smallest token', () => {
  expect(greedyToken(Int32Array.of(-5, 7, 7, 3))).toBe(1)
  expect(sampleToken(Int32Array.of(1, 2, 3), { ...ALL, temperatureMilli: 0 }, { seed: 9n, index: 0 })).toBe(2)
})

it('draws the same token for the same seed and place, and others for others', () => {
  const logits = Int32Array.from({ length: 64 }, (_, i) => i * 100)
  const draws = Array.from({ length: 200 }, (_, index) => sampleToken(logits, ALL, { seed: 7n, index }))
  expect(draws).toEqual(Array.from({ length: 200 }, (_, index) => sampleToken(logits, ALL, { seed: 7n, index })))
  expect(new Set(draws).size).toBeGreaterThan(30)
  expect(draws).not.toEqual(Array.from({ length: 200 }, (_, index) => sampleToken(logits, ALL, { seed: 8n, index })))
})

it('draws by the probabilities', () => {
  const logits = Int32Array.of(0, 65_536, 2 * 65_536) // 1 : 2 : 4
  const counts = [0, 0, 0]
  for (let index = 0; index < 7_000; index++) {
    const token = sampleToken(logits, ALL, { seed: 1n, index })
    counts[token] = (counts[token] ?? 0) + 1
  }
  for (const [token, expected] of [1_000, 2_000, 4_000].entries())
    expect(Math.abs((counts[token] ?? 0) - expected)).toBeLessThan(150)
})

it('draws only from the k best and from the least set that has the mass p', () => {
  fc.assert(
    fc.property(logitsArbitrary, fc.integer({ min: 1, max: 20 }), fc.nat(1_000), (logits, topK, index) => {
      const token = sampleToken(logits, { ...ALL, topK }, { seed: 3n, index })
      expect(logits.filter((logit) => logit > (logits[token] as number)).length).toBeLessThan(topK)
    }),
  )
  const halves = Int32Array.of(0, 0, -65_536 * 10)
  for (let index = 0; index < 50; index++) {
    expect(sampleToken(halves, { ...ALL, topPMilli: 900 }, { seed: 1n, index })).toBeLessThan(2)
    expect(sampleToken(halves, { ...ALL, topPMilli: 1 }, { seed: 1n, index })).toBe(0)
  }
})

it('sharpens with a low temperature and flattens with a high one', () => {
  const logits = Int32Array.of(0, 65_536)
  const share = (temperatureMilli: number): number =>
    Array.from({ length: 400 }, (_, index) => sampleToken(logits, { ...ALL, temperatureMilli }, { seed: 5n, index })).filter(
      Boolean,
    ).length
  expect(share(100)).toBeGreaterThan(395)
  expect(share(1)).toBe(400)
  expect(share(2_000)).toBeLessThan(share(700))
})

it('gives log probabilities within 30 micro-nats of the real ones', () => {
  fc.assert(
    fc.property(logitsArbitrary, fc.nat(), (logits, pick) => {
      const token = pick % logits.length
      const { logprobMicro, top } = logprobOf(logits, token, 5)
      const highest = Math.max(...logits)
      const norm = Math.log(logits.reduce((sum, logit) => sum + 2 ** ((logit - highest) / 65_536), 0))
      const real = (((logits[token] as number) - highest) / 65_536) * Math.LN2 - norm
      expect(Math.abs(logprobMicro - real * 1e6)).toBeLessThan(30)
      expect(logprobMicro).toBeLessThanOrEqual(0)
      const order = [...logits.keys()].sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b).slice(0, 5)
      expect(top.map((candidate) => candidate.token)).toEqual(order)
    }),
  )
})

it('takes logarithms exactly at powers of two and near the real ones elsewhere', () => {
  for (const power of [0n, 1n, 24n, 40n]) expect(log2Q32(1n << power)).toBe(power << 32n)
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 2n ** 45n }), (value) => {
      expect(Math.abs(Number(log2Q32(value)) / 2 ** 32 - Math.log2(Number(value)))).toBeLessThan(1e-8)
    }),
  )
})
