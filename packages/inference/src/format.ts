import { assert, buildFileTree, toHex, ZerogError } from '@zerog/primitives'
import { createReader, createWriter, invalid, type Reader, type Writer } from './bytes.ts'
import { HEAD_WIDTH_MAX, MODEL_BYTES_MAX, MULTIPLIER_LIMIT, SHAPE_LIMITS, SHIFT_MAX, TEXT_BYTES_MAX } from './limits.ts'
import { createTokenizer, MERGES_FIRST, type Merges } from './tokenizer.ts'
import type { Model, ModelShape } from './types.ts'
import type { LayerWeights, Linear, ModelWeights, Norm, Scale } from './weights.ts'

/** What a model file holds, in the order of docs/spec/integer-model.md. */
export type ModelFile = {
  readonly id: string
  readonly description: string
  readonly licence: string
  readonly chat: boolean
  readonly shape: ModelShape
  readonly merges: Merges
  readonly weights: ModelWeights
}

/** "ZIM" and the version of the format. */
const MAGIC = Uint8Array.of(0x5a, 0x49, 0x4d, 0x01)
const FLAG_CHAT = 1
const FLAG_SHARED_HEAD = 2
const ID_PATTERN = /^[a-z0-9][a-z0-9._-]{0,63}$/

/**
 * Decodes and checks a model file. A model has exactly one encoding: bytes that decode are those that `encodeModel` gives.
 * Throws MODEL_INVALID, which names the field.
 */
export function loadModel(bytes: Uint8Array): Model {
  const { id, description, licence, chat, shape, merges, weights } = decodeModel(bytes)
  return {
    id,
    root: toHex(buildFileTree(bytes).root),
    description,
    licence,
    shape,
    contextTokens: shape.contextTokens,
    parameterCount: parameterCountOf(weights),
    chat,
    tokenizer: createTokenizer(merges),
    weights,
  }
}

export function decodeModel(bytes: Uint8Array): ModelFile {
  if (bytes.length > MODEL_BYTES_MAX) throw invalid('file', `has ${bytes.length} bytes, at most ${MODEL_BYTES_MAX} are allowed`)
  const reader = createReader(bytes)
  if (MAGIC.some((byte, i) => reader.u8(`magic ${i}`) !== byte))
    throw invalid('magic', 'is not that of a model file of version 1')
  const id = readText(reader, 'id')
  if (!ID_PATTERN.test(id)) throw invalid('id', 'is not 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit')
  const description = readText(reader, 'description')
  const licence = readText(reader, 'licence')
  const flags = reader.u8('flags')
  if (flags > (FLAG_CHAT | FLAG_SHARED_HEAD)) throw invalid('flags', `has unknown bits: ${flags}`)
  const shape = readShape(reader)
  const merges = Array.from({ length: shape.vocabularySize - MERGES_FIRST }, (_, i) => {
    return [reader.u16(`merge ${i}`), reader.u16(`merge ${i}`)] as const
  })
  createTokenizer(merges) // refuses merges that do not fit together
  const weights = readWeights(reader, shape, (flags & FLAG_SHARED_HEAD) !== 0)
  reader.end()
  return { id, description, licence, chat: (flags & FLAG_CHAT) !== 0, shape, merges, weights }
}

export function encodeModel(file: ModelFile): Uint8Array {
  const { shape, weights } = file
  const writer = createWriter()
  writer.bytes(MAGIC)
  for (const text of [file.id, file.description, file.licence]) {
    const utf8 = new TextEncoder().encode(text)
    assert(utf8.length <= TEXT_BYTES_MAX, 'a text of the model fits')
    writer.u16(utf8.length)
    writer.bytes(utf8)
  }
  const shared = weights.head.weights === weights.embedding.weights
  writer.u8((file.chat ? FLAG_CHAT : 0) | (shared ? FLAG_SHARED_HEAD : 0))
  for (const value of shapeValues(shape)) writer.u32(value)
  for (const pair of file.merges) for (const token of pair) writer.u16(token)
  writeLinear(writer, weights.embedding)
  for (const layer of weights.layers) writeLayer(writer, layer)
  writeNorm(writer, weights.finalNorm)
  writeLinear(writer, weights.head, shared)
  return writer.done()
}

function shapeValues({ vocabularySize, width, layerCount, headCount, hiddenWidth, contextTokens }: ModelShape): number[] {
  return [vocabularySize, width, layerCount, headCount, hiddenWidth, contextTokens]
}

function readText(reader: Reader, field: string): string {
  const length = reader.u16(field)
  if (length > TEXT_BYTES_MAX) throw invalid(field, `has ${length} bytes, at most ${TEXT_BYTES_MAX} are allowed`)
  const bytes = reader.bytes(field, length)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new ZerogError('MODEL_INVALID', { message: `model file: ${field} is not UTF-8`, metadata: { field }, cause })
  }
}

function readShape(reader: Reader): ModelShape {
  const bounded = (field: keyof typeof SHAPE_LIMITS): number => {
    const { least, most, multiple } = SHAPE_LIMITS[field]
    const value = reader.u32(field)
    if (value < least || value > most || value % multiple !== 0) {
      throw invalid(field, `is ${value}; it must be a multiple of ${multiple} from ${least} to ${most}`)
    }
    return value
  }
  const shape = {
    vocabularySize: bounded('vocabularySize'),
    width: bounded('width'),
    layerCount: bounded('layerCount'),
    headCount: bounded('headCount'),
    hiddenWidth: bounded('hiddenWidth'),
    contextTokens: bounded('contextTokens'),
  }
  const headWidth = shape.width / shape.headCount
  if (headWidth % 8 !== 0 || headWidth > HEAD_WIDTH_MAX) {
    throw invalid('headCount', `gives heads of ${headWidth} channels; they must have a multiple of 8, at most ${HEAD_WIDTH_MAX}`)
  }
  return shape
}

function readWeights(reader: Reader, shape: ModelShape, shared: boolean): ModelWeights {
  const { vocabularySize, width, layerCount } = shape
  const embedding = readLinear(reader, 'embedding', vocabularySize, width)
  const layers = Array.from({ length: layerCount }, (_, index) => readLayer(reader, shape, `layer ${index}`))
  const finalNorm = readNorm(reader, 'finalNorm')
  const head = readLinear(reader, 'head', vocabularySize, width, shared ? embedding : undefined)
  return { embedding, layers, finalNorm, head }
}

function readLayer(reader: Reader, { width, hiddenWidth, headCount }: ModelShape, name: string): LayerWeights {
  return {
    attentionNorm: readNorm(reader, `${name} attentionNorm`),
    qkv: readLinear(reader, `${name} qkv`, 3 * width, width),
    qkvZero: reader.u8(`${name} qkvZero`),
    score: readScale(reader, `${name} score`),
    slopes: Uint16Array.from({ length: headCount }, () => reader.u16(`${name} slopes`)),
    mixed: readNorm(reader, `${name} mixed`),
    output: readLinear(reader, `${name} output`, width, width),
    hiddenNorm: readNorm(reader, `${name} hiddenNorm`),
    up: readLinear(reader, `${name} up`, hiddenWidth, width),
    upZero: reader.u8(`${name} upZero`),
    activation: reader.bytes(`${name} activation`, 256).slice(),
    activationZero: reader.u8(`${name} activationZero`),
    down: readLinear(reader, `${name} down`, width, hiddenWidth),
  }
}

function writeLayer(writer: Writer, layer: LayerWeights): void {
  writeNorm(writer, layer.attentionNorm)
  writeLinear(writer, layer.qkv)
  writer.u8(layer.qkvZero)
  writeScale(writer, layer.score)
  for (const slope of layer.slopes) writer.u16(slope)
  writeNorm(writer, layer.mixed)
  writeLinear(writer, layer.output)
  writeNorm(writer, layer.hiddenNorm)
  writeLinear(writer, layer.up)
  writer.u8(layer.upZero)
  writer.bytes(layer.activation)
  writer.u8(layer.activationZero)
  writeLinear(writer, layer.down)
}

function readScale(reader: Reader, field: string): Scale {
  return { multiplier: multiplierOf(reader, field), shift: shiftOf(reader, field) }
}

function writeScale(writer: Writer, { multiplier, shift }: Scale): void {
  writer.u32(multiplier)
  writer.u8(shift)
}

function readNorm(reader: Reader, field: string): Norm {
  return { ...readScale(reader, field), zero: reader.u8(field) }
}

function writeNorm(writer: Writer, norm: Norm): void {
  writeScale(writer, norm)
  writer.u8(norm.zero)
}

/** With `shared`, weights and zero point are those of another matrix and not in the file. */
function readLinear(reader: Reader, field: string, rows: number, columns: number, shared?: Linear): Linear {
  const shift = shiftOf(reader, field)
  const zero = shared?.zero ?? reader.u8(field)
  reader.need(field, 4 * rows)
  const multipliers = Uint32Array.from({ length: rows }, () => multiplierOf(reader, field))
  const weights = shared?.weights ?? reader.bytes(field, rows * columns).slice()
  return { rows, columns, weights, zero, multipliers, shift }
}

function writeLinear(writer: Writer, linear: Linear, shared = false): void {
  writer.u8(linear.shift)
  if (!shared) writer.u8(linear.zero)
  for (const multiplier of linear.multipliers) writer.u32(multiplier)
  if (!shared) writer.bytes(linear.weights)
}

function multiplierOf(reader: Reader, field: string): number {
  const value = reader.u32(field)
  if (value >= MULTIPLIER_LIMIT) throw invalid(field, `has the multiplier ${value}; it must be below ${MULTIPLIER_LIMIT}`)
  return value
}

function shiftOf(reader: Reader, field: string): number {
  const value = reader.u8(field)
  if (value > SHIFT_MAX) throw invalid(field, `has the shift ${value}; it must be at most ${SHIFT_MAX}`)
  return value
}

/** Weights, each counted once. */
function parameterCountOf({ embedding, layers, head }: ModelWeights): number {
  const matrices = layers.flatMap(({ qkv, output, up, down }) => [qkv, output, up, down]).concat(embedding)
  if (head.weights !== embedding.weights) matrices.push(head)
  return matrices.reduce((sum, { weights }) => sum + weights.length, 0)
}
