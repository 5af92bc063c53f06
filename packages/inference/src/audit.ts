import { assert } from '@zerog/primitives'
import type { Row } from './backend.ts'
import { createInterpreter, type NodeName } from './interpreter.ts'
import { GREEDY, sampleToken } from './sampling.ts'
import { tensorRoot, traceOf } from './trace.ts'
import type { FinishReason, Model, Sampling, SequenceTrace } from './types.ts'
import { createWasmBackend } from './wasm-backend.ts'

/** An answer as its receipt states it. */
export type ClaimedAnswer = {
  readonly promptTokens: readonly number[]
  /** Without the end token. */
  readonly tokens: readonly number[]
  /** `stop`: the end token followed. */
  readonly finished: FinishReason
  readonly sampling?: Sampling
  readonly seed?: bigint
}

export type Audit = SequenceTrace & {
  /** First step whose token is not the one that the model gives; undefined: all are right. `tokens.length` is the end token's step. */
  readonly firstWrong: number | undefined
}

/** Positions that one call computes. */
const ROWS = 64

/**
 * Executes a claimed answer again: reads prompt and answer in one pass and draws each token from the claimed text before it. The trace is
 * that of the claimed tokens: it equals the receipt's unless logits were forged. For models of a million parameters it costs about as
 * much as decoding, because logits, their hashes and the draws are the larger part; the pass itself is twice as fast.
 */
export function auditAnswer(model: Model, { promptTokens, tokens, finished, ...draw }: ClaimedAnswer): Audit {
  const { sampling = GREEDY, seed = 0n } = draw
  const text = [...promptTokens, ...tokens]
  assert(promptTokens.length > 0 && text.length <= model.contextTokens, 'a claimed answer has a prompt and fits into the context')
  assert(
    text.every((token) => Number.isInteger(token) && token >= 0 && token < model.shape.vocabularySize),
    'a claimed answer has tokens of the model',
  )
  const steps = tokens.length + (finished === 'stop' ? 1 : 0)
  const first = promptTokens.length - 1
  const rows = text
    .slice(0, first + steps)
    .map((token, position): Row => ({ slot: 0, position, token, wantsLogits: position >= first }))
  const backend = createWasmBackend(model, { slots: 1, rowsMax: ROWS })
  const roots: Uint8Array[] = []
  let firstWrong: number | undefined
  for (let start = 0; start < rows.length; start += ROWS) {
    for (const logits of backend.run(rows.slice(start, start + ROWS))) {
      const index = roots.length
      const expected = tokens[index] ?? model.tokenizer.endToken
      if (sampleToken(logits, sampling, { seed, index }) !== expected) firstWrong ??= index
      roots.push(tensorRoot(logits))
    }
  }
  return { ...traceOf(promptTokens, tokens, roots), firstWrong }
}

export type NodeRoot = { readonly layer: number; readonly node: NodeName; readonly root: Uint8Array }

/** Roots of all tensors of one position, in the order of computation: what a dispute about this position is led over. */
export function nodeRoots(model: Model, text: readonly number[], position: number): NodeRoot[] {
  assert(position >= 0 && position < text.length && text.length <= model.contextTokens, 'the position is in the text')
  let roots: NodeRoot[] = []
  const interpreter = createInterpreter(model, { slots: 1, rowsMax: 1 }, (layer, node, values) => {
    roots.push({ layer, node, root: tensorRoot(values) })
  })
  for (const [at, token] of text.slice(0, position + 1).entries()) {
    roots = []
    interpreter.run([{ slot: 0, position: at, token, wantsLogits: true }])
  }
  return roots
}
