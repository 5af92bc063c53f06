// Writes the model file of a checkpoint: node packages/inference/training/export.ts --in .zerog/training --out models/zerog-assistant.zim
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { encodeModel, loadModel } from '../src/format.ts'
import { MULTIPLIER_LIMIT, SHIFT_MAX } from '../src/limits.ts'
import type { LayerWeights, Linear, Norm, Scale } from '../src/weights.ts'
import { type Checkpoint, readCheckpoint } from './checkpoint.ts'
import { layoutOf, rangeIndex, SLOPES } from './state.ts'
import { attentionFactor } from './trainer.ts'

const ID = 'zerog-assistant-1'
const DESCRIPTION = 'Answers short questions about zerog. Trained from scratch on text written for it.'
const LICENCE = 'Apache-2.0'
/** Fractional bits of the residual stream. */
const RESIDUAL = 2 ** 10

/** Integer model of a float checkpoint: per-row weights, static scales from the ranges that training observed. */
export function exportModel({ shape, merges, state }: Checkpoint): Uint8Array {
  const { vocabularySize, width, hiddenWidth, layerCount } = shape
  const layout = layoutOf(shape)
  const rounded = (place: number, rows: number, columns: number) => quantiseRows(state.parameters.subarray(place), rows, columns)
  /** Real value of one step of an activation. */
  const step = (layer: number, activation: 0 | 1 | 2 | 3 | 4): number =>
    (state.ranges[rangeIndex(layer, activation)] as number) / (activation === 4 ? 255 : 127)
  /** x / |x| is in Q15, and rms(x) is |x| / sqrt(width). */
  const norm = (activation: number): Norm => ({ ...scaleOf(Math.sqrt(width) / 2 ** 15 / activation), zero: 128 })
  const table = rounded(layout.embedding, vocabularySize, width)
  const layers = layout.layers.map((places, index): LayerWeights => {
    const linear = (place: number, rows: number, columns: number, input: number, output: number): Linear => {
      const { weights, steps } = rounded(place, rows, columns)
      return linearOf(
        weights,
        rows,
        columns,
        steps.map((value) => (value * input) / output),
      )
    }
    const qkv = step(index, 1)
    return {
      attentionNorm: norm(step(index, 0)),
      qkv: linear(places.qkv, 3 * width, width, step(index, 0), qkv),
      qkvZero: 128,
      score: scaleOf(qkv * qkv * attentionFactor(shape) * 256),
      slopes: Uint16Array.from(SLOPES, (slope) => Math.round(slope * 256)),
      mixed: { ...scaleOf(qkv / 2 ** 14 / step(index, 2)), zero: 128 },
      output: linear(places.output, width, width, step(index, 2), 1 / RESIDUAL),
      hiddenNorm: norm(step(index, 3)),
      up: linear(places.up, hiddenWidth, width, step(index, 3), step(index, 4)),
      upZero: 0,
      activation: Uint8Array.from({ length: 256 }, (_, value) => value), // the rectifier: clamping to u8 with zero point 0
      activationZero: 0,
      down: linear(places.down, width, hiddenWidth, step(index, 4), 1 / RESIDUAL),
    }
  })
  const last = step(layerCount, 0)
  const embedding = linearOf(
    table.weights,
    vocabularySize,
    width,
    table.steps.map((value) => value * Math.sqrt(width) * RESIDUAL),
  )
  const head = linearOf(
    table.weights,
    vocabularySize,
    width,
    table.steps.map((value) => value * last * Math.LOG2E * 65_536),
  )
  const weights = { embedding, layers, finalNorm: norm(last), head }
  return encodeModel({ id: ID, description: DESCRIPTION, licence: LICENCE, chat: true, shape, merges, weights })
}

/** Rows rounded to 127 steps of their largest value, as in training, with the zero point 128. */
function quantiseRows(values: Float32Array, rows: number, columns: number): { weights: Uint8Array; steps: number[] } {
  const weights = new Uint8Array(rows * columns)
  const steps = Array.from({ length: rows }, (_, row) => {
    const part = values.subarray(row * columns, (row + 1) * columns)
    const top = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    for (const [i, value] of part.entries()) weights[row * columns + i] = 128 + (top === 0 ? 0 : Math.round((value / top) * 127))
    return top / 127
  })
  return { weights, steps }
}

/** Multipliers with the most bits that a common shift leaves to the largest. */
function linearOf(weights: Uint8Array, rows: number, columns: number, factors: readonly number[]): Linear {
  const shift = shiftFor(Math.max(...factors))
  const multipliers = Uint32Array.from(factors, (factor) => Math.round(factor * 2 ** shift))
  return { rows, columns, weights, zero: 128, multipliers, shift }
}

function scaleOf(factor: number): Scale {
  const shift = shiftFor(factor)
  return { multiplier: Math.round(factor * 2 ** shift), shift }
}

function shiftFor(factor: number): number {
  for (let shift = SHIFT_MAX; shift >= 0; shift--) if (Math.round(factor * 2 ** shift) < MULTIPLIER_LIMIT) return shift
  throw new RangeError(`${factor} is too large for a scale`)
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      in: { type: 'string', default: '.zerog/training' },
      out: { type: 'string', default: 'models/zerog-assistant.zim' },
    },
  })
  const checkpoint = readCheckpoint(values.in)
  if (checkpoint === undefined) throw new Error(`${values.in} holds no checkpoint`)
  const bytes = exportModel(checkpoint)
  const { id, root, parameterCount } = loadModel(bytes)
  writeFileSync(values.out, bytes)
  console.log(`${id}: ${bytes.length} bytes, ${parameterCount} parameters, step ${checkpoint.state.steps}, root ${root}`)
}
