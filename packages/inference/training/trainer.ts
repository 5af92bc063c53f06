import { createTrainKernel, type TrainKernel } from '@zerog/kernels/train'
import type { ModelShape } from '../src/types.ts'
import { type Layout, layoutOf, rangeIndex, SLOPES, type TrainerState } from './state.ts'

/** Tokens of a batch: segments one after the other, each a conversation; `lossRows` are the positions whose next token counts. */
export type Batch = {
  readonly tokens: Uint32Array
  readonly segments: readonly { readonly start: number; readonly length: number }[]
  readonly lossRows: Uint32Array
  readonly targets: Uint32Array
}

export type StepSettings = { readonly rate: number; readonly decay: number; readonly quantiseActivations: boolean }

const BETA1 = 0.9
const BETA2 = 0.98
const CLIP = 1
const RANGE_MEMORY = 0.98

export type Trainer = {
  /** One step of AdamW on the batch. Returns the mean loss in nats per counted token, before the step. */
  step(batch: Batch, settings: StepSettings): number
  state(): TrainerState
}

/** Float transformer with fake-quantised weights, and activations once their ranges are known. At most `tokensMax` tokens per batch. */
export function createTrainer(shape: ModelShape, state: TrainerState, tokensMax: number): Trainer {
  const kernel = createTrainKernel()
  const buffers = allocate(kernel, shape, tokensMax)
  const { layout, at } = buffers
  const floats = (address: number, length: number) => new Float32Array(kernel.memory.buffer, address, length)
  floats(at.parameters, layout.count).set(state.parameters)
  floats(at.first, layout.count).set(state.first)
  floats(at.second, layout.count).set(state.second)
  floats(at.slopes, SLOPES.length).set(SLOPES)
  const ranges = Float32Array.from(state.ranges)
  let steps = state.steps
  return {
    step(batch, { rate, decay, quantiseActivations }) {
      const run: Run = { kernel, shape, buffers, batch, ranges, quantise: quantiseActivations, learn: !quantiseActivations }
      quantiseWeights(run)
      load(run)
      forward(run)
      const loss = backward(run)
      steps += 1
      const norm = Math.sqrt(kernel.squares(at.gradients, layout.count))
      const clip = norm > CLIP ? CLIP / norm : 1
      const rate1 = rate / (1 - BETA1 ** steps)
      const common = [clip, BETA1, BETA2, rate1, 1 - BETA2 ** steps, rate * decay] as const
      kernel.adam(at.parameters, at.gradients, at.first, at.second, layout.count, ...common)
      return loss
    },
    state: () => ({
      parameters: floats(at.parameters, layout.count).slice(),
      first: floats(at.first, layout.count).slice(),
      second: floats(at.second, layout.count).slice(),
      ranges: ranges.slice(),
      steps,
    }),
  }
}

type Buffers = ReturnType<typeof allocate>
type Run = {
  readonly kernel: TrainKernel
  readonly shape: ModelShape
  readonly buffers: Buffers
  readonly batch: Batch
  readonly ranges: Float32Array
  readonly quantise: boolean
  readonly learn: boolean
}

/** Addresses of all buffers in the kernel's memory. */
function allocate(kernel: TrainKernel, shape: ModelShape, tokensMax: number) {
  const { width, hiddenWidth, vocabularySize, layerCount, headCount, contextTokens } = shape
  const layout = layoutOf(shape)
  let top = kernel.DATA.value as number
  const take = (floats: number): number => {
    const address = top
    top += Math.ceil((floats * 4) / 64) * 64
    return address
  }
  const at = {
    parameters: take(layout.count),
    rounded: take(layout.count),
    gradients: take(layout.count),
    first: take(layout.count),
    second: take(layout.count),
    slopes: take(headCount),
    tokens: take(tokensMax),
    lossRows: take(tokensMax),
    targets: take(tokensMax),
    lossWeights: take(tokensMax),
    lastInput: take(tokensMax * width),
    lastNormed: take(tokensMax * width),
    lastInverse: take(tokensMax),
    logits: take(tokensMax * vocabularySize),
    dNormed: take(tokensMax * width),
    dLast: take(tokensMax * width),
    dx: take(tokensMax * width),
    dqkv: take(tokensMax * 3 * width),
    dHidden: take(tokensMax * hiddenWidth),
    scratch: take(contextTokens),
    final: take(tokensMax * width),
  }
  const layers = Array.from({ length: layerCount }, () => ({
    input: take(tokensMax * width),
    inverse1: take(tokensMax),
    normed1: take(tokensMax * width),
    qkv: take(tokensMax * 3 * width),
    probabilities: take(tokensMax * contextTokens * headCount),
    mixed: take(tokensMax * width),
    middle: take(tokensMax * width),
    inverse2: take(tokensMax),
    normed2: take(tokensMax * width),
    hidden: take(tokensMax * hiddenWidth),
  }))
  kernel.memory.grow(Math.ceil((top - kernel.memory.buffer.byteLength) / 65_536) + 1)
  return { layout, at, layers, tokensMax }
}

function quantiseWeights({ kernel, shape, buffers: { layout, at } }: Run): void {
  const { width, hiddenWidth, vocabularySize } = shape
  const rows = (place: number, count: number, columns: number): void =>
    kernel.quantiseRows(at.rounded + 4 * place, at.parameters + 4 * place, count, columns)
  rows(layout.embedding, vocabularySize, width)
  for (const layer of layout.layers) {
    rows(layer.qkv, 3 * width, width)
    rows(layer.output, width, width)
    rows(layer.up, hiddenWidth, width)
    rows(layer.down, width, hiddenWidth)
  }
}

/** Padded numbers of tokens and counted positions. */
function sizes({ batch }: Run): { tokens: number; counted: number } {
  return { tokens: (batch.tokens.length + 3) & ~3, counted: (batch.lossRows.length + 3) & ~3 }
}

function load(run: Run): void {
  const { kernel, batch, buffers } = run
  const { at, tokensMax } = buffers
  if (sizes(run).tokens > tokensMax) throw new RangeError(`a batch holds at most ${tokensMax} tokens`)
  const put = (address: number, values: Uint32Array, fill: number): void => {
    const target = new Uint32Array(kernel.memory.buffer, address, (values.length + 3) & ~3)
    target.fill(fill)
    target.set(values)
  }
  put(at.tokens, batch.tokens, 0)
  put(at.lossRows, batch.lossRows, 0)
  put(at.targets, batch.targets, 0)
  const weights = new Float32Array(kernel.memory.buffer, at.lossWeights, sizes(run).counted)
  weights.fill(0)
  weights.fill(1, 0, batch.lossRows.length)
}

/** Rounds an activation, or learns its range. `steps` is 127 on both sides of zero or 255 above it. */
function observe(run: Run, index: number, address: number, count: number, steps: 127 | 255): void {
  const { kernel, ranges } = run
  const before = ranges[index] as number
  if (run.learn) {
    const now = kernel.largest(address, count)
    ranges[index] = before === 0 ? now : before * RANGE_MEMORY + now * (1 - RANGE_MEMORY)
  } else if (run.quantise) kernel.quantise(address, count, before / steps, steps === 127 ? -127 : 0, steps)
}

function forward(run: Run): void {
  const { kernel, shape, buffers } = run
  const { width, hiddenWidth, vocabularySize, headCount, layerCount } = shape
  const { at, layers, layout } = buffers
  const { tokens, counted } = sizes(run)
  /** y = x w^T, or added to y */
  const linear = (y: number, x: number, place: number, rows: number, columns: number, add = 0): void =>
    kernel.multiply(x, columns, 1, at.rounded + 4 * place, 1, columns, y, rows, tokens, rows, columns, add)
  kernel.gather(layers[0]?.input ?? at.final, at.rounded + 4 * layout.embedding, at.tokens, tokens, width, Math.sqrt(width))
  for (const [index, layer] of layers.entries()) {
    const places = layout.layers[index] as Layout['layers'][number] // one per layer
    kernel.normalise(layer.normed1, layer.input, layer.inverse1, tokens, width)
    observe(run, rangeIndex(index, 0), layer.normed1, tokens * width, 127)
    linear(layer.qkv, layer.normed1, places.qkv, 3 * width, width)
    observe(run, rangeIndex(index, 1), layer.qkv, tokens * 3 * width, 127)
    forSegments(run, (start, length, probabilities) => {
      const rows = [
        layer.mixed + 4 * start * width,
        layer.qkv + 12 * start * width,
        layer.probabilities + 4 * probabilities,
      ] as const
      kernel.attend(...rows, at.slopes, length, headCount, width / headCount, attentionFactor(shape))
    })
    zero(kernel, layer.mixed + 4 * run.batch.tokens.length * width, (tokens - run.batch.tokens.length) * width) // no segment has these
    observe(run, rangeIndex(index, 2), layer.mixed, tokens * width, 127)
    copy(kernel, layer.middle, layer.input, tokens * width)
    linear(layer.middle, layer.mixed, places.output, width, width, 1)
    kernel.normalise(layer.normed2, layer.middle, layer.inverse2, tokens, width)
    observe(run, rangeIndex(index, 3), layer.normed2, tokens * width, 127)
    linear(layer.hidden, layer.normed2, places.up, hiddenWidth, width)
    kernel.rectify(layer.hidden, tokens * hiddenWidth)
    observe(run, rangeIndex(index, 4), layer.hidden, tokens * hiddenWidth, 255)
    const next = layers[index + 1]?.input ?? at.final
    copy(kernel, next, layer.middle, tokens * width)
    linear(next, layer.hidden, places.down, width, hiddenWidth, 1)
  }
  kernel.pick(at.lastInput, at.final, at.lossRows, counted, width)
  kernel.normalise(at.lastNormed, at.lastInput, at.lastInverse, counted, width)
  observe(run, rangeIndex(layerCount, 0), at.lastNormed, counted * width, 127)
  const table = at.rounded + 4 * layout.embedding
  kernel.multiply(at.lastNormed, width, 1, table, 1, width, at.logits, vocabularySize, counted, vocabularySize, width, 0)
}

/** Gradients by the straight-through rule: rounding counts as the identity. */
function backward(run: Run): number {
  const { kernel, shape, batch, buffers } = run
  const { width, hiddenWidth, vocabularySize, headCount } = shape
  const { at, layers, layout } = buffers
  const { tokens, counted } = sizes(run)
  zero(kernel, at.gradients, layout.count)
  const factor = 1 / batch.lossRows.length
  const loss = kernel.crossEntropy(at.logits, at.targets, at.lossWeights, counted, vocabularySize, factor)
  /** dx = dy w, and the gradient of w: dy^T x */
  const linearBack = (
    dx: number,
    dy: number,
    x: number,
    place: number,
    size: readonly [number, number, number],
    add = 0,
  ): void => {
    const [count, rows, columns] = size
    kernel.multiply(dy, 1, rows, x, columns, 1, at.gradients + 4 * place, columns, rows, columns, count, 1)
    kernel.multiply(dy, rows, 1, at.rounded + 4 * place, columns, 1, dx, columns, count, columns, rows, add)
  }
  linearBack(at.dNormed, at.logits, at.lastNormed, layout.embedding, [counted, vocabularySize, width])
  zero(kernel, at.dLast, counted * width)
  kernel.normaliseBack(at.dLast, at.dNormed, at.lastInput, at.lastInverse, counted, width)
  zero(kernel, at.dx, tokens * width)
  kernel.scatter(at.dx, at.dLast, at.lossRows, counted, width, 1)
  for (const [index, layer] of [...layers.entries()].reverse()) {
    const places = layout.layers[index] as Layout['layers'][number] // one per layer
    linearBack(at.dHidden, at.dx, layer.hidden, places.down, [tokens, width, hiddenWidth])
    kernel.rectifyBack(at.dHidden, layer.hidden, tokens * hiddenWidth)
    linearBack(at.dNormed, at.dHidden, layer.normed2, places.up, [tokens, hiddenWidth, width])
    kernel.normaliseBack(at.dx, at.dNormed, layer.middle, layer.inverse2, tokens, width)
    linearBack(at.dNormed, at.dx, layer.mixed, places.output, [tokens, width, width])
    zero(kernel, at.dqkv, tokens * 3 * width)
    forSegments(run, (start, length, probabilities) => {
      const rows = [at.dqkv + 12 * start * width, at.dNormed + 4 * start * width, layer.qkv + 12 * start * width] as const
      const size = [length, headCount, width / headCount, attentionFactor(shape)] as const
      kernel.attendBack(...rows, layer.probabilities + 4 * probabilities, at.scratch, ...size)
    })
    linearBack(at.dNormed, at.dqkv, layer.normed1, places.qkv, [tokens, 3 * width, width])
    kernel.normaliseBack(at.dx, at.dNormed, layer.input, layer.inverse1, tokens, width)
  }
  kernel.scatter(at.gradients + 4 * layout.embedding, at.dx, at.tokens, tokens, width, Math.sqrt(width))
  return loss * factor
}

/** A product of query and key, to octaves. */
export function attentionFactor({ width, headCount }: ModelShape): number {
  return Math.LOG2E / Math.sqrt(width / headCount)
}

/** Calls `work` with the start and length of each segment and the place of its probabilities. */
function forSegments({ batch, shape }: Run, work: (start: number, length: number, probabilities: number) => void): void {
  let probabilities = 0
  for (const { start, length } of batch.segments) {
    work(start, length, probabilities)
    probabilities += length * length * shape.headCount
  }
}

function zero(kernel: TrainKernel, address: number, floats: number): void {
  new Uint8Array(kernel.memory.buffer, address, 4 * floats).fill(0)
}

function copy(kernel: TrainKernel, to: number, from: number, floats: number): void {
  new Uint8Array(kernel.memory.buffer).copyWithin(to, from, from + 4 * floats)
}
