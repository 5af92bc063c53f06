// Golden answers of the shipped model: node packages/inference/tools/vectors.ts --write (a change of bits needs this flag)
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { toHex } from '@zerog/primitives'
import { chatPrompt } from '../src/chat.ts'
import { createEngine } from '../src/engine.ts'
import { loadModel } from '../src/format.ts'
import type { Model, Sampling } from '../src/types.ts'

export type Vectors = { readonly root: string; readonly answers: readonly VectorAnswer[] }
export type VectorAnswer = {
  readonly question: string
  readonly sampling: Sampling
  readonly seed: string
  readonly promptTokens: readonly number[]
  readonly tokens: readonly number[]
  readonly finished: string
  readonly text: string
  /** Of the first token, micro-nats. */
  readonly logprobMicro: number
  readonly tokenIdsRoot: string
  readonly traceRoot: string
}

const path = (name: string): string => fileURLToPath(new URL(`../../../${name}`, import.meta.url))
const VECTORS = path('tests/vectors/integer-model.json')
const GREEDY: Sampling = { temperatureMilli: 0, topPMilli: 1_000, topK: 0 }
const WILD: Sampling = { temperatureMilli: 1_800, topPMilli: 980, topK: 200 }

export function shippedModel(): Model {
  return loadModel(readFileSync(path('models/zerog-assistant.zim')))
}

export function readVectors(): Vectors {
  return JSON.parse(readFileSync(VECTORS, 'utf8')) as Vectors // our own file
}

export function computeVectors(model: Model, kernels: 'wasm' | 'typescript'): Vectors {
  const engine = createEngine(model, { kernels })
  const cases = ['What is zerog?', 'Which port does the gateway use?', 'How do I stop the devnet?'].flatMap((question) => [
    { question, sampling: GREEDY, seed: 0n },
    { question, sampling: WILD, seed: 0xfeed_0000_0000_0001n },
  ])
  const answers = cases.map(({ question, sampling, seed }): VectorAnswer => {
    const promptTokens = chatPrompt(model.tokenizer, [{ role: 'user', content: question }])
    const sequence = engine.createSequence({ promptTokens, maxTokens: 40, sampling, seed, topLogprobs: 0 })
    let logprobMicro: number | undefined
    while (sequence.finished === undefined) {
      const [result] = engine.step([sequence])
      logprobMicro ??= result?.logprob?.logprobMicro
    }
    const { tokens, finished } = sequence
    const { tokenIdsRoot, traceRoot } = sequence.trace()
    sequence.release()
    const roots = { tokenIdsRoot: toHex(tokenIdsRoot), traceRoot: toHex(traceRoot) }
    const shown = { question, sampling, seed: `0x${seed.toString(16)}`, promptTokens, tokens, finished }
    return { ...shown, text: model.tokenizer.decode(tokens), logprobMicro: logprobMicro ?? 0, ...roots }
  })
  engine.close()
  return { root: model.root, answers }
}

if (import.meta.main && process.argv.includes('--write')) {
  writeFileSync(VECTORS, `${JSON.stringify(computeVectors(shippedModel(), 'typescript'), null, 1)}\n`)
}
