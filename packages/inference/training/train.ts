// Trains the assistant: node packages/inference/training/train.ts --steps 4500 --seed 1 --out .zerog/training
// Started again with the same folder it goes on from the last checkpoint, and ends with the same bits as without the interruption.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { ModelShape } from '../src/types.ts'
import { createBatcher, vocabularyTexts } from './batches.ts'
import { learnMerges } from './bpe.ts'
import { type Checkpoint, type CurvePoint, readCheckpoint, writeCheckpoint } from './checkpoint.ts'
import { readCorpus } from './corpus.ts'
import { initialState } from './state.ts'
import { createTrainer } from './trainer.ts'

export type TrainOptions = {
  readonly seed: number
  /** Steps of the whole run: the learning rate falls until then. */
  readonly steps: number
  /** Ends earlier, as an interruption would. */
  readonly until?: number
  readonly folder: string
  readonly shape?: ModelShape
  readonly batchTokens?: number
  readonly log?: (line: string) => void
}

export const ASSISTANT_SHAPE: ModelShape = {
  vocabularySize: 1_536,
  width: 128,
  layerCount: 3,
  headCount: 4,
  hiddenWidth: 512,
  contextTokens: 256,
}
const BATCH_TOKENS = 1_024
const RATE = 0.0025
const WARM_STEPS = 200
const HOLD_STEPS = 1_500
const DECAY = 0.02
/** From here on activations are rounded too; their ranges were observed until here. */
const QUANTISE_FROM = 1_500
const CURVE_STEPS = 25
const CHECKPOINT_STEPS = 100

/** Trains until `steps` or `until` and returns the last checkpoint. */
export function train(options: TrainOptions): Checkpoint {
  const { seed, steps, folder, shape = ASSISTANT_SHAPE, batchTokens = BATCH_TOKENS, log = () => {} } = options
  const corpus = readCorpus()
  const found = readCheckpoint(folder)
  const merges = found?.merges ?? learnMerges(vocabularyTexts(corpus, seed), shape.vocabularySize)
  const start: Checkpoint = found ?? { shape, seed, merges, state: initialState(shape, seed), curve: [] }
  if (start.seed !== seed || JSON.stringify(start.shape) !== JSON.stringify(shape)) {
    throw new Error(`${folder} holds a run with another seed or shape: choose another folder`)
  }
  log(`seed ${seed}, ${start.state.parameters.length} parameters, step ${start.state.steps} of ${steps}`)
  const batcher = createBatcher(corpus, merges, { seed, tokensMax: batchTokens, context: shape.contextTokens })
  const trainer = createTrainer(shape, start.state, batchTokens)
  const curve: CurvePoint[] = [...start.curve]
  const end = Math.min(steps, options.until ?? steps)
  const checkpoint = (): Checkpoint => ({ ...start, state: trainer.state(), curve })
  let sum = 0
  for (let step = start.state.steps; step < end; step++) {
    const rate = rateAt(step, steps)
    sum += trainer.step(batcher(step), { rate, decay: DECAY, quantiseActivations: step >= QUANTISE_FROM })
    if ((step + 1) % CURVE_STEPS === 0) {
      const point = { step: step + 1, loss: Number((sum / CURVE_STEPS).toFixed(5)), rate: Number(rate.toFixed(7)) }
      curve.push(point)
      log(`step ${point.step} loss ${point.loss}`)
      sum = 0
    }
    // On a line of the curve, so that a run that goes on writes the same curve.
    if ((step + 1) % CHECKPOINT_STEPS === 0) writeCheckpoint(folder, checkpoint())
  }
  const last = checkpoint()
  if (end === steps || end % CURVE_STEPS === 0) writeCheckpoint(folder, last)
  return last
}

/** Rises over the first steps, stays until HOLD_STEPS, and falls evenly to a twentieth. */
function rateAt(step: number, steps: number): number {
  const falling = Math.max(0, step - HOLD_STEPS) / Math.max(1, steps - HOLD_STEPS)
  return RATE * Math.min(1, (step + 1) / WARM_STEPS) * (1 - 0.95 * falling)
}

export function curveText(curve: readonly CurvePoint[]): string {
  return `step,loss_nats_per_token,learning_rate\n${curve.map(({ step, loss, rate }) => `${step},${loss},${rate}\n`).join('')}`
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      steps: { type: 'string', default: '4500' },
      until: { type: 'string' },
      out: { type: 'string', default: '.zerog/training' },
    },
  })
  const folder = values.out
  mkdirSync(folder, { recursive: true })
  const until = values.until === undefined ? {} : { until: Number(values.until) }
  const { curve } = train({ seed: Number(values.seed), steps: Number(values.steps), ...until, folder, log: console.log })
  writeFileSync(join(folder, 'loss.csv'), curveText(curve))
}
