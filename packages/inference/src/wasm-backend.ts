import { createTransformerKernel, type TransformerKernel } from '@zerog/kernels/transformer'
import { LOGIT_MAX, POWERS_Q16, RESIDUAL_MAX, SCORE_MAX } from './arithmetic.ts'
import type { Backend, BackendOptions, Row } from './backend.ts'
import type { Model } from './types.ts'
import type { Linear, Norm } from './weights.ts'

const PAGE_BYTES = 65_536

/** The kernels of assembly/transformer.ts over weights and caches in one memory. Same bits as the interpreter. */
export function createWasmBackend(model: Model, { slots, rowsMax }: BackendOptions): Backend {
  const kernel = createTransformerKernel()
  const { width, hiddenWidth, vocabularySize, layerCount, headCount, contextTokens } = model.shape
  const heap = createHeap(kernel)
  const powers = heap.words(POWERS_Q16)
  const embedding = placeLinear(heap, model.weights.embedding)
  const layers = model.weights.layers.map((layer) => ({
    attentionNorm: layer.attentionNorm,
    qkv: placeLinear(heap, layer.qkv),
    qkvZero: layer.qkvZero,
    attention: {
      ...{
        score: layer.score.multiplier,
        scoreShift: BigInt(layer.score.shift),
        slopes: heap.bytes(
          new Uint8Array(layer.slopes.buffer.slice(layer.slopes.byteOffset, layer.slopes.byteOffset + layer.slopes.byteLength)),
        ),
      },
      ...{ mixed: layer.mixed.multiplier, mixedShift: BigInt(layer.mixed.shift), mixedZero: layer.mixed.zero },
    },
    output: placeLinear(heap, layer.output),
    hiddenNorm: layer.hiddenNorm,
    up: placeLinear(heap, layer.up),
    upZero: layer.upZero,
    activation: heap.bytes(layer.activation),
    activationZero: layer.activationZero,
    down: placeLinear(heap, layer.down),
  }))
  const shared = model.weights.head.weights === model.weights.embedding.weights
  const head = placeLinear(heap, model.weights.head, shared ? embedding.weights : undefined)
  const x = heap.take(rowsMax * width * 4)
  const normed = heap.take(rowsMax * width * 2)
  const wide = heap.take(rowsMax * Math.max(3 * width, hiddenWidth) * 4)
  const qkv = heap.take(rowsMax * 3 * width * 2)
  const mixed = heap.take(rowsMax * width * 2)
  const hidden = heap.take(rowsMax * hiddenWidth * 2)
  const delta = heap.take(rowsMax * width * 4)
  const scores = heap.take(contextTokens * 4)
  const logits = heap.take(rowsMax * vocabularySize * 4)
  // Keys, then values, of each slot and layer: [position][width] as i16.
  const laneBytes = contextTokens * width * 2
  const cache = heap.take(slots * layerCount * 2 * laneBytes)
  heap.settle()
  const memory = new Uint8Array(kernel.memory.buffer)

  const multiply = (
    out: number,
    input: number,
    rows: number,
    { linear: l, weights, multipliers, correction, shift }: Placed,
  ): void => kernel.linear(out, input, rows, l.columns, weights, l.rows, correction, multipliers, shift)
  const normaliseRows = (from: number, rows: number, { multiplier, shift, zero }: Norm): void => {
    for (let r = 0; r < rows; r++)
      kernel.normalise(normed + r * width * 2, from + r * width * 4, width, multiplier, BigInt(shift), zero)
  }
  const lane = (slot: number, layer: number, part: 0 | 1): number => cache + ((slot * layerCount + layer) * 2 + part) * laneBytes

  const runLayer = (rows: readonly Row[], index: number): void => {
    const layer = layers[index] as (typeof layers)[number] // index counts them
    const count = rows.length
    normaliseRows(x, count, layer.attentionNorm)
    multiply(wide, normed, count, layer.qkv)
    kernel.toBytes(qkv, wide, count * 3 * width, layer.qkvZero)
    for (const [r, { slot, position }] of rows.entries()) {
      for (const part of [0, 1] as const) {
        const from = qkv + (3 * r + 1 + part) * width * 2
        memory.copyWithin(lane(slot, index, part) + position * width * 2, from, from + width * 2)
      }
    }
    const { score, scoreShift, slopes, mixed: mixedMultiplier, mixedShift, mixedZero } = layer.attention
    for (const [r, { slot, position }] of rows.entries()) {
      const places = [mixed + r * width * 2, qkv + 3 * r * width * 2, lane(slot, index, 0), lane(slot, index, 1)] as const
      const size = [position, headCount, width / headCount] as const
      const scoring = [score, scoreShift, SCORE_MAX, slopes] as const
      kernel.attend(...places, ...size, ...scoring, mixedMultiplier, mixedShift, mixedZero, powers, scores)
    }
    multiply(delta, mixed, count, layer.output)
    kernel.accumulate(x, delta, count * width, RESIDUAL_MAX)
    normaliseRows(x, count, layer.hiddenNorm)
    multiply(wide, normed, count, layer.up)
    kernel.activate(hidden, wide, count * hiddenWidth, layer.upZero, layer.activation, layer.activationZero)
    multiply(delta, hidden, count, layer.down)
    kernel.accumulate(x, delta, count * width, RESIDUAL_MAX)
  }

  return {
    kernels: 'wasm',
    memoryBytes: kernel.memory.buffer.byteLength,
    rowsMax,
    run(rows) {
      if (rows.length > rowsMax) throw new RangeError(`a call takes at most ${rowsMax} rows`)
      for (const [r, { token }] of rows.entries()) {
        const { linear, weights, correction, shift } = embedding
        const multiplier = linear.multipliers[token] as number
        kernel.embed(x + r * width * 4, weights + token * width, width, correction, multiplier, shift, RESIDUAL_MAX)
      }
      for (let index = 0; index < layerCount; index++) runLayer(rows, index)
      let wanted = 0
      for (const [r, { wantsLogits }] of rows.entries()) {
        if (!wantsLogits) continue
        memory.copyWithin(x + wanted * width * 4, x + r * width * 4, x + (r + 1) * width * 4)
        wanted += 1
      }
      normaliseRows(x, wanted, model.weights.finalNorm)
      multiply(logits, normed, wanted, head)
      return Array.from({ length: wanted }, (_, r) => {
        const values = new Int32Array(kernel.memory.buffer, logits + r * vocabularySize * 4, vocabularySize)
        for (let i = 0; i < vocabularySize; i++) {
          const value = values[i] as number
          if (value > LOGIT_MAX) values[i] = LOGIT_MAX
          else if (value < -LOGIT_MAX) values[i] = -LOGIT_MAX
        }
        return values
      })
    },
  }
}

type Placed = {
  readonly linear: Linear
  readonly weights: number
  readonly multipliers: number
  /** 128 minus the zero point. */
  readonly correction: number
  readonly shift: bigint
}

function placeLinear(heap: Heap, linear: Linear, shared?: number): Placed {
  return {
    linear,
    weights: shared ?? heap.bytes(linear.weights.map((value) => value ^ 0x80)), // as i8: 128 taken off
    multipliers: heap.words(linear.multipliers),
    correction: 128 - linear.zero,
    shift: BigInt(linear.shift),
  }
}

type Heap = ReturnType<typeof createHeap>

/** Hands out addresses; contents are written when all are known and the memory has its final size. */
function createHeap(kernel: TransformerKernel) {
  let top = kernel.DATA.value as number
  const contents: { readonly address: number; readonly bytes: Uint8Array }[] = []
  const take = (bytes: number): number => {
    const address = top
    top += Math.ceil(bytes / 64) * 64
    return address
  }
  const place = (bytes: Uint8Array): number => {
    const address = take(bytes.length)
    contents.push({ address, bytes })
    return address
  }
  return {
    take,
    bytes: place,
    words: (values: Uint32Array): number => place(new Uint8Array(values.slice().buffer)),
    settle(): void {
      const pages = Math.ceil((top - kernel.memory.buffer.byteLength) / PAGE_BYTES) + 1 // one to spare: vectors may read past the end
      if (pages > 0) kernel.memory.grow(pages)
      const memory = new Uint8Array(kernel.memory.buffer)
      for (const { address, bytes } of contents) memory.set(bytes, address)
      contents.length = 0
    },
  }
}
