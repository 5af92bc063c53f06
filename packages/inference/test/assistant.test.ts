import { describe, expect, it } from '@jest/globals'
import { chatPrompt } from '../src/chat.ts'
import { createEngine } from '../src/engine.ts'
import { computeVectors, readVectors, shippedModel } from '../tools/vectors.ts'
import { readCorpus } from '../training/corpus.ts'
import { evaluate, normalise } from '../training/evaluate.ts'

const model = shippedModel()

describe.each(['wasm', 'typescript'] as const)('%s', (kernels) => {
  it('gives the golden tokens, log probabilities and roots with the shipped model', () => {
    expect(computeVectors(model, kernels)).toEqual(readVectors())
  })
})

it('is small, and says of itself what it is', () => {
  expect(model.parameterCount).toBeLessThanOrEqual(1_000_000)
  expect(model).toMatchObject({ id: 'zerog-assistant-1', chat: true, licence: 'Apache-2.0', contextTokens: 256 })
})

it('answers from its own weights: nothing that it says stands in the code as a string', () => {
  const facts = new Map(readCorpus().facts.map(({ id, answer }) => [id, answer]))
  const questions = [
    ['stop-devnet', 'how do i stop the devnet'],
    ['segment-size', 'how big is a segment'],
    ['docker', 'do i need docker'],
    ['certificate-life', 'how long does a certificate last'],
  ] as const
  const scored = questions.map(([id, question]) => ({ question, answers: [facts.get(id) ?? ''] }))
  expect(evaluate(model, scored, { seed: 1, steps: 1 })).toMatchObject({ questions: 4, correct: 4 })
})

it('keeps to its context: a conversation that fills it ends by length', () => {
  const engine = createEngine(model)
  const promptTokens = chatPrompt(model.tokenizer, [{ role: 'user', content: 'zerog '.repeat(400) }]).slice(0, 255)
  const sequence = engine.createSequence({ promptTokens, maxTokens: 100 })
  while (sequence.finished === undefined) engine.step([sequence])
  expect(sequence.tokens.length).toBeLessThanOrEqual(1)
  expect(normalise(' "Run it."  ')).toBe('run it')
})
