import type { ModelShape } from '../src/types.ts'
import { randomOf } from './random.ts'

/** What a checkpoint keeps. */
export type TrainerState = {
  readonly parameters: Float32Array
  readonly first: Float32Array
  readonly second: Float32Array
  /** Moving averages of the largest activations, placed by `rangeIndex`. */
  readonly ranges: Float32Array
  steps: number
}

/** Places of the matrices in the list of parameters, in floats. Rows are output channels, as in the model file. */
export type Layout = {
  readonly count: number
  readonly embedding: number
  readonly layers: readonly { readonly qkv: number; readonly output: number; readonly up: number; readonly down: number }[]
}

/** Octaves per token of distance, per head: from none to about one token. */
export const SLOPES = [0, 0.0625, 0.375, 1.5] as const

export function layoutOf({ vocabularySize, width, layerCount, hiddenWidth }: ModelShape): Layout {
  let at = vocabularySize * width
  const take = (size: number): number => {
    at += size
    return at - size
  }
  const layers = Array.from({ length: layerCount }, () => ({
    qkv: take(3 * width * width),
    output: take(width * width),
    up: take(hiddenWidth * width),
    down: take(width * hiddenWidth),
  }))
  return { count: at, embedding: 0, layers }
}

/** Index into `ranges`: five activations per layer (normed, qkv, mixed, normed, hidden), then the last normed. */
export function rangeIndex(layer: number, activation: 0 | 1 | 2 | 3 | 4): number {
  return 5 * layer + activation
}

export function initialState(shape: ModelShape, seed: number): TrainerState {
  const layout = layoutOf(shape)
  const random = randomOf(seed)
  const parameters = new Float32Array(layout.count)
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const fill = (start: number, length: number, deviation: number): void => {
    for (let i = start; i < start + length; i++) parameters[i] = normal() * deviation
  }
  const { width, hiddenWidth, vocabularySize, layerCount } = shape
  fill(layout.embedding, vocabularySize * width, 0.05)
  const thin = 1 / Math.sqrt(2 * layerCount)
  for (const layer of layout.layers) {
    fill(layer.qkv, 3 * width * width, 1 / Math.sqrt(width))
    fill(layer.output, width * width, thin / Math.sqrt(width))
    fill(layer.up, hiddenWidth * width, Math.sqrt(2 / width))
    fill(layer.down, width * hiddenWidth, thin / Math.sqrt(hiddenWidth))
  }
  return {
    parameters,
    first: new Float32Array(layout.count),
    second: new Float32Array(layout.count),
    ranges: new Float32Array(5 * layerCount + 1),
    steps: 0,
  }
}
