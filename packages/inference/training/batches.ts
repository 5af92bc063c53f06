import { normaliseText } from '../src/chat.ts'
import { CONTROL, chunksOf, type Merges, mergeChunk, pairKey } from '../src/tokenizer.ts'
import { type Conversation, type Corpus, conversationOf } from './corpus.ts'
import { randomOf } from './random.ts'
import type { Batch } from './trainer.ts'

/** Conversations seen by the learner of the vocabulary. */
const VOCABULARY_CONVERSATIONS = 30_000
/** Share of conversations whose questions are cut into smaller pieces than usual, so that unknown words look familiar. */
const PIECES_SHARE = 0.3
const PIECES_SKIP = 0.08

/** Texts from which the vocabulary is learned. */
export function* vocabularyTexts(corpus: Corpus, seed: number): Generator<string> {
  for (const { answer } of corpus.facts) for (let n = 0; n < 20; n++) yield answer
  for (let index = 0; index < VOCABULARY_CONVERSATIONS; index++) {
    for (const { question } of conversationOf(corpus, seed, -index - 2).turns) yield normaliseText(question)
  }
}

export type Batcher = (step: number) => Batch

/** Batches of `tokensMax` tokens at most: a function of seed and step alone, so that a run goes on after an interruption. */
export function createBatcher(corpus: Corpus, merges: Merges, { seed, tokensMax, context }: BatcherOptions): Batcher {
  const ranks = new Map(merges.map(([left, right], rank) => [pairKey(left, right), rank]))
  const encoder = new TextEncoder()
  const cache = new Map<string, number[]>()
  const encode = (text: string, skip: (() => boolean) | undefined): number[] => {
    if (skip !== undefined) return chunksOf(encoder.encode(text)).flatMap((chunk) => mergeChunk(chunk, ranks, skip))
    const known = cache.get(text)
    if (known !== undefined) return known
    const tokens = chunksOf(encoder.encode(text)).flatMap((chunk) => mergeChunk(chunk, ranks))
    if (cache.size < 20_000) cache.set(text, tokens)
    return tokens
  }
  const tokensOf = ({ system, turns }: Conversation, random: () => number): { tokens: number[]; answers: [number, number][] } => {
    const skip = random() < PIECES_SHARE ? () => random() < PIECES_SKIP : undefined
    const words = (text: string): number[] => text.split(/(?= )/).flatMap((word) => encode(word, skip)) // chunks never span a space
    const tokens: number[] = system === undefined ? [] : [CONTROL.system, ...words(normaliseText(system))]
    const answers: [number, number][] = []
    for (const { question, fact } of turns) {
      tokens.push(CONTROL.user, ...words(normaliseText(question)), CONTROL.assistant)
      const start = tokens.length
      tokens.push(...encode(fact.answer, undefined), CONTROL.end)
      answers.push([start, tokens.length])
    }
    return { tokens, answers }
  }
  return (step) => {
    const random = randomOf(Math.imul(seed + 7, 0x27d4eb2f) ^ Math.imul(step + 1, 0x165667b1))
    const tokens: number[] = []
    const segments: { start: number; length: number }[] = []
    const lossRows: number[] = []
    const targets: number[] = []
    for (let index = step * CONVERSATIONS_PER_STEP_MAX; segments.length < CONVERSATIONS_PER_STEP_MAX; index++) {
      const made = tokensOf(conversationOf(corpus, seed, index), random)
      if (made.tokens.length > context) continue
      if (tokens.length + made.tokens.length > tokensMax) break
      const start = tokens.length
      segments.push({ start, length: made.tokens.length })
      for (const [from, to] of made.answers) {
        for (let at = from; at < to; at++) {
          lossRows.push(start + at - 1)
          targets.push(made.tokens[at] as number)
        }
      }
      tokens.push(...made.tokens)
    }
    const words = (values: number[]) => Uint32Array.from(values)
    return { tokens: words(tokens), segments, lossRows: words(lossRows), targets: words(targets) }
  }
}

export type BatcherOptions = { readonly seed: number; readonly tokensMax: number; readonly context: number }

/** More than ever fit; keeps the numbers of conversations of different steps apart. */
export const CONVERSATIONS_PER_STEP_MAX = 256
