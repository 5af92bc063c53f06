import { clamp, LOGIT_MAX, POWERS_Q16, RESIDUAL_MAX, roundShift, SCORE_MAX, scaledRoot } from './arithmetic.ts'
import type { Backend, BackendOptions, Row } from './backend.ts'
import type { Model } from './types.ts'
import type { LayerWeights, Linear, Norm, Scale } from './weights.ts'

/** Called with the result of each node of a position: see `NODES` in docs/spec/integer-model.md. */
export type NodeObserver = (layer: number, node: NodeName, values: Int32Array | Uint8Array) => void
export type NodeName =
  | 'embedding'
  | 'normed'
  | 'qkv'
  | 'mixed'
  | 'middle'
  | 'hiddenNormed'
  | 'hidden'
  | 'output'
  | 'finalNormed'
  | 'logits'

/** The oracle: one position after the other, in plain loops, as docs/spec/integer-model.md words it. */
export function createInterpreter(model: Model, { slots, rowsMax }: BackendOptions, observe: NodeObserver = () => {}): Backend {
  const { width, layerCount, contextTokens, headCount } = model.shape
  const { weights } = model
  // Keys and values of each slot: [layer][position][width], with their zero point.
  const cacheSize = layerCount * contextTokens * width
  const keys = Array.from({ length: slots }, () => new Uint8Array(cacheSize))
  const values = Array.from({ length: slots }, () => new Uint8Array(cacheSize))
  const place = (layer: number, position: number) => (layer * contextTokens + position) * width

  const runRow = ({ slot, position, token, wantsLogits }: Row): Int32Array | undefined => {
    const slotKeys = keys[slot] as Uint8Array
    const slotValues = values[slot] as Uint8Array
    let x = embed(weights.embedding, token)
    observe(0, 'embedding', x)
    for (const [index, layer] of weights.layers.entries()) {
      const normed = normalise(x, layer.attentionNorm)
      observe(index, 'normed', normed)
      const qkv = toBytes(multiply(layer.qkv, normed, layer.attentionNorm.zero), layer.qkvZero)
      observe(index, 'qkv', qkv)
      slotKeys.set(qkv.subarray(width, 2 * width), place(index, position))
      slotValues.set(qkv.subarray(2 * width), place(index, position))
      const start = place(index, 0)
      const end = place(index, position + 1)
      const cache = { keys: slotKeys.subarray(start, end), values: slotValues.subarray(start, end) }
      const mixed = attend(layer, qkv, cache, { width, headCount, position })
      observe(index, 'mixed', mixed)
      x = add(x, multiply(layer.output, mixed, layer.mixed.zero))
      observe(index, 'middle', x)
      const hiddenNormed = normalise(x, layer.hiddenNorm)
      observe(index, 'hiddenNormed', hiddenNormed)
      const hidden = activate(toBytes(multiply(layer.up, hiddenNormed, layer.hiddenNorm.zero), layer.upZero), layer.activation)
      observe(index, 'hidden', hidden)
      x = add(x, multiply(layer.down, hidden, layer.activationZero))
      observe(index, 'output', x)
    }
    if (!wantsLogits) return undefined
    const normed = normalise(x, weights.finalNorm)
    observe(layerCount, 'finalNormed', normed)
    const logits = multiply(weights.head, normed, weights.finalNorm.zero).map((value) => clamp(value, -LOGIT_MAX, LOGIT_MAX))
    observe(layerCount, 'logits', logits)
    return logits
  }

  return {
    kernels: 'typescript',
    memoryBytes: 2 * slots * cacheSize,
    rowsMax,
    run: (rows) => rows.map(runRow).filter((logits) => logits !== undefined),
  }
}

/** The token's row, scaled to the residual stream. */
function embed({ columns, weights, zero, multipliers, shift }: Linear, token: number): Int32Array {
  const multiplier = multipliers[token] as number
  return Int32Array.from({ length: columns }, (_, i) =>
    clamp(roundShift(((weights[token * columns + i] as number) - zero) * multiplier, shift), -RESIDUAL_MAX, RESIDUAL_MAX),
  )
}

/** x / |x| in Q15, scaled to u8. */
function normalise(x: Int32Array, { multiplier, shift, zero }: Norm): Uint8Array {
  let sum = 0
  for (const value of x) sum += value * value
  const root = Math.max(1, scaledRoot(sum))
  const inverse = Math.floor(2 ** 46 / root)
  return Uint8Array.from(x, (value) => clamp(roundShift(roundShift(value * inverse, 26) * multiplier, shift) + zero, 0, 255))
}

/** Rows times input, each scaled by its multiplier; clamped to 32 bits. */
function multiply(
  { rows, columns, weights, zero, multipliers, shift }: Linear,
  input: Uint8Array,
  inputZero: number,
): Int32Array {
  const out = new Int32Array(rows)
  for (let row = 0; row < rows; row++) {
    let sum = 0
    for (let i = 0; i < columns; i++) sum += ((input[i] as number) - inputZero) * ((weights[row * columns + i] as number) - zero)
    out[row] = scale(sum, { multiplier: multipliers[row] as number, shift })
  }
  return out
}

function scale(value: number, { multiplier, shift }: Scale): number {
  return clamp(roundShift(value * multiplier, shift), -(2 ** 31), 2 ** 31 - 1)
}

function toBytes(values: Int32Array, zero: number): Uint8Array {
  return Uint8Array.from(values, (value) => clamp(value + zero, 0, 255))
}

function activate(values: Uint8Array, table: Uint8Array): Uint8Array {
  return values.map((value) => table[value] as number)
}

function add(x: Int32Array, delta: Int32Array): Int32Array {
  return x.map((value, i) => clamp(value + (delta[i] as number), -RESIDUAL_MAX, RESIDUAL_MAX))
}

type AttentionSize = { readonly width: number; readonly headCount: number; readonly position: number }
type Cache = { readonly keys: Uint8Array; readonly values: Uint8Array }

/** Shares of the positions so far by powers of two of their scores, and the values mixed by these shares (Q14). */
function attend(layer: LayerWeights, qkv: Uint8Array, cache: Cache, { width, headCount, position }: AttentionSize): Uint8Array {
  const { qkvZero: zero, score, slopes, mixed } = layer
  const headWidth = width / headCount
  const out = new Uint8Array(width)
  for (let head = 0; head < headCount; head++) {
    const at = head * headWidth
    const scores = Array.from({ length: position + 1 }, (_, j) => {
      let sum = 0
      for (let i = at; i < at + headWidth; i++)
        sum += ((qkv[i] as number) - zero) * ((cache.keys[j * width + i] as number) - zero)
      return clamp(scale(sum, score), -SCORE_MAX, SCORE_MAX) - (slopes[head] as number) * (position - j)
    })
    const shares = sharesOf(scores)
    for (let i = at; i < at + headWidth; i++) {
      let sum = 0
      for (const [j, share] of shares.entries()) sum += share * ((cache.values[j * width + i] as number) - zero)
      out[i] = clamp(scale(sum, mixed) + mixed.zero, 0, 255)
    }
  }
  return out
}

/** Shares in Q14, each rounded by itself. */
function sharesOf(scores: readonly number[]): number[] {
  const top = scores.reduce((a, b) => Math.max(a, b))
  const powers = scores.map((score) => {
    const distance = top - score
    return distance >= 17 * 256 ? 0 : (POWERS_Q16[distance & 255] as number) >>> (distance >>> 8)
  })
  const total = powers.reduce((a, b) => a + b)
  return powers.map((power) => Math.floor((power * 2 ** 14 + Math.floor(total / 2)) / total))
}
