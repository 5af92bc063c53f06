import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from '@jest/globals'
import { createEngine } from '../src/engine.ts'
import { loadModel } from '../src/format.ts'
import type { ModelShape } from '../src/types.ts'
import { createBatcher, vocabularyTexts } from '../training/batches.ts'
import { learnMerges } from '../training/bpe.ts'
import { conversationOf, readCorpus } from '../training/corpus.ts'
import { exportModel } from '../training/export.ts'
import { initialState } from '../training/state.ts'
import { train } from '../training/train.ts'
import { createTrainer } from '../training/trainer.ts'

const root = mkdtempSync(join(tmpdir(), 'zerog-training-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
const shape: ModelShape = { vocabularySize: 320, width: 32, layerCount: 2, headCount: 4, hiddenWidth: 64, contextTokens: 128 }
const seed = 5
const small = { seed, steps: 120, shape, batchTokens: 512 }
const whole = train({ ...small, folder: join(root, 'whole') })

it('learns: the loss falls by a sixth within 120 steps', () => {
  const losses = whole.curve.map(({ loss }) => loss)
  expect(losses.at(-1)).toBeLessThan((losses[0] as number) * (5 / 6))
})

it('goes on after an interruption, also one between checkpoints, and ends with the same bits', () => {
  const folder = join(root, 'interrupted')
  expect(train({ ...small, folder, until: 100 }).state.steps).toBe(100)
  expect(train({ ...small, folder, until: 111 }).state.steps).toBe(111) // not kept: no checkpoint stands there
  const resumed = train({ ...small, folder })
  expect(resumed.curve).toEqual(whole.curve)
  expect(Buffer.from(exportModel(resumed)).equals(Buffer.from(exportModel(whole)))).toBe(true)
  expect(() => train({ ...small, seed: 6, folder })).toThrow(/another seed/)
})

it('computes the gradient of its loss: a small step along it lowers the loss by the square of its length', () => {
  const corpus = readCorpus()
  const merges = learnMerges(vocabularyTexts(corpus, seed), shape.vocabularySize)
  const batch = createBatcher(corpus, merges, { seed, tokensMax: 512, context: shape.contextTokens })(3)
  const loss = (parameters: Float32Array): number => {
    const state = { ...initialState(shape, seed), parameters }
    return createTrainer(shape, state, 512).step(batch, { rate: 0, decay: 0, quantiseActivations: false })
  }
  // The first step of AdamW moves every weight by the rate against the sign of its gradient; its first moment is a tenth of the gradient.
  const start = initialState(shape, seed)
  const trainer = createTrainer(shape, start, 512)
  const before = trainer.step(batch, { rate: 0, decay: 0, quantiseActivations: false })
  const gradient = trainer.state().first.map((value) => value * 10) // scaled so that its length is at most 1
  const squared = gradient.reduce((sum, value) => sum + value * value, 0)
  const rate = 0.3
  const after = loss(start.parameters.map((value, i) => value - rate * (gradient[i] as number)))
  expect(squared).toBeGreaterThan(0.5)
  expect((before - after) / (rate * squared)).toBeGreaterThan(0.5)
  expect(before - after).toBeGreaterThan(0)
})

it('exports a model whose integers predict what the floats learned', () => {
  const model = loadModel(exportModel(whole))
  const batch = createBatcher(readCorpus(), whole.merges, { seed, tokensMax: 512, context: 128 })(500)
  const engine = createEngine(model, { sequencesMax: 1, stepTokensMax: 128 })
  let nats = 0
  let counted = 0
  for (const { start, length } of batch.segments.slice(0, 4)) {
    for (const [i, row] of batch.lossRows.entries()) {
      if (row < start || row >= start + length) continue
      const promptTokens = [...batch.tokens.subarray(start, row + 1)]
      const sequence = engine.createSequence({ promptTokens, maxTokens: 1, topLogprobs: 20 })
      const [result] = engine.step([sequence])
      const found = result?.logprob?.top.find(({ token }) => token === batch.targets[i])
      nats += found === undefined ? 6 : -found.logprobMicro / 1e6
      counted += 1
      sequence.release()
    }
  }
  expect(Math.abs(nats / counted - (whole.curve.at(-1)?.loss as number))).toBeLessThan(1)
})

it('makes the same conversations from the same seed', () => {
  const corpus = readCorpus()
  expect(conversationOf(corpus, 1, 77)).toEqual(conversationOf(readCorpus(), 1, 77))
  expect(conversationOf(corpus, 1, 77)).not.toEqual(conversationOf(corpus, 2, 77))
})
