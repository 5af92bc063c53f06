import { expect, it } from '@jest/globals'
import { buildFileTree, equalBytes, toHex, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { randomModelFile } from '../tools/random-model.ts'
import { randomOf } from '../training/random.ts'
import { decodeModel, encodeModel, loadModel } from './format.ts'

const sample = (seed: number): Uint8Array => encodeModel(randomModelFile(randomOf(seed)))

it('gives back what was encoded, byte for byte, and names it by its storage root', () => {
  for (let seed = 0; seed < 10; seed++) {
    const bytes = sample(seed)
    expect(equalBytes(encodeModel(decodeModel(bytes)), bytes)).toBe(true)
    expect(loadModel(bytes).root).toBe(toHex(buildFileTree(bytes).root))
  }
})

it('refuses every file that is cut off or has bytes behind its end', () => {
  const bytes = sample(1)
  for (let length = 0; length < bytes.length; length += 1 + Math.floor(length / 9)) {
    expect(() => decodeModel(bytes.subarray(0, length))).toThrow(expect.objectContaining({ reason: 'MODEL_INVALID' }))
  }
  expect(() => decodeModel(Uint8Array.of(...bytes, 0))).toThrow(/end comes at/)
})

it('either refuses damaged bytes by name or decodes them to a model that encodes to the same bytes', () => {
  const originals = [sample(2), sample(3), sample(5)]
  let refused = 0
  const damage = fc.record({ at: fc.double({ min: 0, max: 1, maxExcluded: true }), value: fc.nat(255), head: fc.boolean() })
  fc.assert(
    fc.property(fc.nat(2), fc.array(damage, { minLength: 1, maxLength: 4 }), (which, damages) => {
      const bytes = (originals[which] as Uint8Array).slice()
      for (const { at, value, head } of damages) bytes[Math.floor(at * (head ? 60 : bytes.length))] = value
      try {
        expect(equalBytes(encodeModel(decodeModel(bytes)), bytes)).toBe(true)
      } catch (error) {
        if (!(error instanceof ZerogError)) throw error
        expect(error.reason).toBe('MODEL_INVALID')
        refused += 1
      }
    }),
    { numRuns: 500 },
  )
  expect(refused).toBeGreaterThan(50)
})

it('refuses random bytes without making room for what they announce', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (rest) => {
      const bytes = Uint8Array.of(0x5a, 0x49, 0x4d, 1, ...rest)
      expect(() => decodeModel(bytes)).toThrow(expect.objectContaining({ reason: 'MODEL_INVALID' }))
    }),
  )
})

it('names the field that is out of range', () => {
  const file = randomModelFile(randomOf(4))
  const shape = { ...file.shape, contextTokens: 1 }
  expect(() => decodeModel(encodeModel({ ...file, shape }))).toThrow(/contextTokens is 1/)
  expect(() => decodeModel(encodeModel({ ...file, id: 'Not An Id' }))).toThrow(/id is not/)
  const embedding = { ...file.weights.embedding, shift: 48 }
  expect(() => decodeModel(encodeModel({ ...file, weights: { ...file.weights, embedding } }))).toThrow(
    /embedding has the shift 48/,
  )
  const finalNorm = { ...file.weights.finalNorm, multiplier: 2 ** 24 }
  expect(() => decodeModel(encodeModel({ ...file, weights: { ...file.weights, finalNorm } }))).toThrow(
    /finalNorm has the multiplier/,
  )
})
