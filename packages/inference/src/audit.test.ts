import { expect, it } from '@jest/globals'
import { toHex } from '@zerog/primitives'
import { randomModelFile } from '../tools/random-model.ts'
import { randomOf } from '../training/random.ts'
import { auditAnswer, type ClaimedAnswer, nodeRoots } from './audit.ts'
import { createEngine } from './engine.ts'
import { encodeModel, loadModel } from './format.ts'

const file = randomModelFile(randomOf(21))
const model = loadModel(encodeModel(file))
const sampling = { temperatureMilli: 1_200, topPMilli: 990, topK: 0 }

function answer(seed: bigint): ClaimedAnswer & { readonly traceRoot: string } {
  const engine = createEngine(model)
  const sequence = engine.createSequence({ promptTokens: [9, 8, 7], maxTokens: model.contextTokens - 4, sampling, seed })
  while (sequence.finished === undefined) engine.step([sequence])
  const { promptTokens, tokens, finished } = sequence
  return { promptTokens, tokens, finished, sampling, seed, traceRoot: toHex(sequence.trace().traceRoot) }
}

it('finds an honest answer right, with the trace of its receipt', () => {
  for (let seed = 0n; seed < 20n; seed++) {
    const { traceRoot, ...claimed } = answer(seed)
    const audit = auditAnswer(model, claimed)
    expect(audit.firstWrong).toBeUndefined()
    expect(toHex(audit.traceRoot)).toBe(traceRoot)
  }
})

it('finds every changed token, another seed, another sampling, a cut answer and other weights', () => {
  const { traceRoot, ...honest } = answer(3n)
  for (const [at, token] of honest.tokens.entries()) {
    const tokens = honest.tokens.with(at, (token + 1) % model.shape.vocabularySize)
    expect(auditAnswer(model, { ...honest, tokens }).firstWrong).toBeLessThanOrEqual(at)
  }
  expect(auditAnswer(model, { ...honest, seed: 4n }).firstWrong).toBeDefined()
  expect(auditAnswer(model, { ...honest, sampling: { ...sampling, temperatureMilli: 0 } }).firstWrong).toBeDefined()
  const cut = { ...honest, tokens: honest.tokens.slice(0, -1), finished: 'stop' as const }
  expect(auditAnswer(model, cut).firstWrong).toBe(cut.tokens.length)
  const weights = {
    ...file.weights,
    finalNorm: { ...file.weights.finalNorm, multiplier: file.weights.finalNorm.multiplier - 999 },
  }
  expect(toHex(auditAnswer(loadModel(encodeModel({ ...file, weights })), honest).traceRoot)).not.toBe(traceRoot)
})

it('gives the roots of all tensors of a position, which differ where the text before differs', () => {
  const { layerCount } = model.shape
  const roots = nodeRoots(model, [9, 8, 7], 2)
  expect(roots).toHaveLength(1 + 7 * layerCount + 2)
  expect(roots.map(({ root }) => toHex(root))).toEqual(nodeRoots(model, [9, 8, 7, 6], 2).map(({ root }) => toHex(root)))
  const other = nodeRoots(model, [9, 9, 7], 2)
  expect(toHex(roots[0]?.root as Uint8Array)).toBe(toHex(other[0]?.root as Uint8Array)) // the embedding sees this token alone
  expect(toHex(roots.at(-1)?.root as Uint8Array)).not.toBe(toHex(other.at(-1)?.root as Uint8Array))
})
