import { describe, expect, it } from '@jest/globals'
import { toHex } from '@zerog/primitives'
import { randomModel } from '../tools/random-model.ts'
import { randomOf } from '../training/random.ts'
import { createEngine } from './engine.ts'
import type { Engine, Model, Sequence, SequenceOptions } from './types.ts'

const SEED = 12
const model = findModel()
const random = randomOf(SEED)
const jobs: SequenceOptions[] = Array.from({ length: 9 }, (_, index) => ({
  promptTokens: Array.from({ length: 1 + Math.floor(random() * 20) }, () => Math.floor(random() * model.shape.vocabularySize)),
  maxTokens: 1 + Math.floor(random() * 20),
  sampling: { temperatureMilli: index % 2 === 0 ? 0 : 1_500, topPMilli: 950, topK: index % 3 === 0 ? 0 : 40 },
  seed: BigInt(index),
  topLogprobs: 2,
}))

/** A model with room for some tokens. */
function findModel(): Model {
  for (let seed = SEED; ; seed++) {
    const found = randomModel(randomOf(seed))
    if (found.contextTokens === 40) return found
  }
}

/** Steps everything to its end; rotates the order, so that all get their turn. */
function finish(engine: Engine, sequences: Sequence[]): string[] {
  const log = new Map<Sequence, unknown[]>(sequences.map((sequence) => [sequence, []]))
  for (let turn = 0; sequences.some(({ finished }) => finished === undefined); turn++) {
    const at = turn % sequences.length
    for (const { sequence, ...result } of engine.step([...sequences.slice(at), ...sequences.slice(0, at)])) {
      if (result.token !== undefined || result.finished !== undefined) log.get(sequence)?.push(result)
    }
  }
  return sequences.map((sequence) => {
    const { traceRoot } = sequence.trace()
    sequence.release()
    return JSON.stringify([log.get(sequence), sequence.tokens, sequence.finished, toHex(traceRoot)])
  })
}

const alone = jobs.map((job) => {
  const engine = createEngine(model, { kernels: 'typescript', sequencesMax: 1, stepTokensMax: 1 })
  return finish(engine, [engine.createSequence(job)])[0]
})

describe.each(['wasm', 'typescript'] as const)('%s', (kernels) => {
  it.each([1, 2, 7, 64])(
    'gives each sequence the tokens, log probabilities and trace that it gets alone: %d rows per step',
    (stepTokensMax) => {
      const engine = createEngine(model, { kernels, sequencesMax: jobs.length, stepTokensMax })
      const sequences = jobs.map((job) => engine.createSequence(job))
      expect(finish(engine, sequences)).toEqual(alone)
      expect(engine.sequencesAlive).toBe(0)
    },
  )

  it('gives the same when sequences come and go and slots are used again', () => {
    const engine = createEngine(model, { kernels, sequencesMax: 2, stepTokensMax: 3 })
    const waiting = [...jobs.entries()]
    const running = new Map<Sequence, number>()
    while (waiting.length > 0 || running.size > 0) {
      while (running.size < 2 && waiting.length > 0) {
        const [index, job] = waiting.shift() as [number, SequenceOptions] // not empty
        running.set(engine.createSequence(job), index)
      }
      engine.step([...running.keys()])
      for (const [sequence, index] of running) {
        if (sequence.finished === undefined) continue
        expect(alone[index]).toContain(toHex(sequence.trace().traceRoot))
        sequence.release()
        running.delete(sequence)
      }
    }
  })
})

it('ends at maxTokens and at the end of the context, and at once where the model ends its turn', () => {
  const engine = createEngine(model, { sequencesMax: 3 })
  const one = engine.createSequence({ promptTokens: [5], maxTokens: 1 })
  const full = engine.createSequence({ promptTokens: Array(39).fill(5), maxTokens: 100 })
  finish(engine, [one, full])
  for (const sequence of [one, full]) {
    expect(sequence.finished === 'stop' ? 0 : 1).toBe(sequence.tokens.length)
  }
})

it('refuses what does not fit: prompts, tokens, samplings, seeds, too many sequences', () => {
  const engine = createEngine(model, { sequencesMax: 1 })
  const refused = (options: Partial<SequenceOptions>): void => {
    expect(() => engine.createSequence({ promptTokens: [5], maxTokens: 1, ...options })).toThrow(
      expect.objectContaining({ reason: 'LIMIT_EXCEEDED' }),
    )
  }
  const sampling = { temperatureMilli: 0, topPMilli: 1_000, topK: 0 }
  refused({ promptTokens: [] })
  refused({ promptTokens: Array(40).fill(5) })
  refused({ promptTokens: [model.shape.vocabularySize] })
  refused({ promptTokens: [-1] })
  refused({ promptTokens: [1.5] })
  refused({ maxTokens: 0 })
  refused({ sampling: { ...sampling, temperatureMilli: 2_001 } })
  refused({ sampling: { ...sampling, topPMilli: 0 } })
  refused({ seed: 1n << 64n })
  refused({ topLogprobs: 21 })
  expect(engine.sequencesAlive).toBe(0)
  const sequence = engine.createSequence({ promptTokens: [5], maxTokens: 1 })
  expect(() => engine.createSequence({ promptTokens: [5], maxTokens: 1 })).toThrow(
    expect.objectContaining({ reason: 'QUEUE_FULL' }),
  )
  sequence.release()
  sequence.release()
  engine.createSequence({ promptTokens: [5], maxTokens: 1 }).release()
  expect(() => engine.step([sequence])).toThrow(/not released/)
  expect(() => createEngine(model, { sequencesMax: 0 })).toThrow(expect.objectContaining({ reason: 'LIMIT_EXCEEDED' }))
})

it('lets a long prompt not delay those that decode', () => {
  const engine = createEngine(model, { sequencesMax: 2, stepTokensMax: 4 })
  const decoding = engine.createSequence({ promptTokens: [9], maxTokens: 12 })
  engine.step([decoding])
  const long = engine.createSequence({ promptTokens: Array(30).fill(7), maxTokens: 2 })
  while (long.promptRemaining > 0) {
    const before = decoding.tokens.length
    engine.step([long, decoding])
    if (decoding.finished === undefined) expect(decoding.tokens.length).toBe(before + 1)
  }
  expect(long.tokens.length + (long.finished === 'stop' ? 1 : 0)).toBe(1)
})
