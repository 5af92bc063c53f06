import { encodeModel, loadModel, type ModelFile } from '../src/format.ts'
import { MERGES_FIRST, type Merges } from '../src/tokenizer.ts'
import type { Model, ModelShape } from '../src/types.ts'
import type { Linear, Norm } from '../src/weights.ts'

/**
 * A model with random sizes, weights, zero points and scales. One in four is hostile: scales so large that everything saturates, or
 * so small that everything vanishes.
 */
export function randomModel(random: () => number): Model {
  return loadModel(encodeModel(randomModelFile(random)))
}

export function randomModelFile(random: () => number): ModelFile {
  const pick = (options: readonly number[]): number => options[Math.floor(random() * options.length)] as number // not empty
  const headWidth = pick([8, 16, 24, 32])
  const headCount = headWidth % 16 === 0 ? pick([1, 2, 3]) : pick([2, 4])
  const shape: ModelShape = {
    vocabularySize: MERGES_FIRST + pick([0, 1, 7, 40]),
    width: headWidth * headCount,
    layerCount: pick([1, 2, 3]),
    headCount,
    hiddenWidth: pick([16, 48, 96]),
    contextTokens: pick([8, 24, 40]),
  }
  const hostile = random() < 0.25
  const byte = (): number => Math.floor(random() * 256)
  const zeroPoint = (): number => (random() < 0.5 ? 128 : byte())
  /** A scale near 2^-exponent, or any at all. */
  const scaleNear = (exponent: number): { multiplier: number; shift: number } => {
    if (hostile && random() < 0.3) return { multiplier: Math.floor(random() * 2 ** 24), shift: Math.floor(random() * 48) }
    return { multiplier: 2 ** 15 + Math.floor(random() * 2 ** 15), shift: Math.round(15 + exponent) }
  }
  const linear = (rows: number, columns: number, exponent: number, shared?: Linear): Linear => {
    const { shift } = scaleNear(exponent)
    return {
      rows,
      columns,
      weights: shared?.weights ?? Uint8Array.from({ length: rows * columns }, byte),
      zero: shared?.zero ?? zeroPoint(),
      multipliers: Uint32Array.from({ length: rows }, () => scaleNear(exponent).multiplier),
      shift,
    }
  }
  const norm = (exponent: number): Norm => ({ ...scaleNear(exponent), zero: zeroPoint() })
  const { vocabularySize, width, hiddenWidth, layerCount } = shape
  const embedding = linear(vocabularySize, width, -3)
  const layers = Array.from({ length: layerCount }, () => ({
    attentionNorm: norm(8),
    qkv: linear(3 * width, width, 8 + Math.log2(width) / 2),
    qkvZero: zeroPoint(),
    score: scaleNear(4),
    slopes: Uint16Array.from({ length: headCount }, () => (hostile && random() < 0.2 ? 65_535 : Math.floor(random() * 400))),
    mixed: norm(14),
    output: linear(width, width, 4),
    hiddenNorm: norm(8),
    up: linear(hiddenWidth, width, 8 + Math.log2(width) / 2),
    upZero: zeroPoint(),
    activation: Uint8Array.from({ length: 256 }, byte),
    activationZero: zeroPoint(),
    down: linear(width, hiddenWidth, 5),
  }))
  const head = linear(vocabularySize, width, 0, random() < 0.5 ? embedding : undefined)
  const merges = mergesOf(vocabularySize - MERGES_FIRST)
  const weights = { embedding, layers, finalNorm: norm(8), head }
  return { id: 'random', description: '', licence: 'none', chat: random() < 0.5, shape, merges, weights }
}

/** Distinct pairs of letters. */
function mergesOf(count: number): Merges {
  return Array.from({ length: count }, (_, i) => [4 + 97 + (i % 26), 4 + 97 + Math.floor(i / 26)] as const)
}
