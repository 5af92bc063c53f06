import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { systemClock } from '@zerog/adapters/clock/system'
import { createEngine, encodeModel, loadModel, type Model } from '@zerog/inference'
import { createMetrics, silentLogger } from '@zerog/runtime'
import { randomModelFile } from '../../../packages/inference/tools/random-model.ts'
import { integerEngine } from '../src/adapters/engines/integer/engine.ts'
import type { Engine, EngineRequest } from '../src/app/worker/engine.ts'

let engine: Engine
let model: Model

beforeAll(async () => {
  let state = 7
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state / 4_294_967_296
  }
  let file = randomModelFile(random)
  while (file.shape.contextTokens < 32) file = randomModelFile(random)
  const bytes = encodeModel(file)
  model = loadModel(bytes)
  const meter = createMetrics().meter({ target: 'test', replica: '0' })
  engine = await integerEngine({ bytes, threads: 2, sequences: 4 }, { clock: systemClock, logger: silentLogger, meter })
})
afterAll(() => engine.close())

function ask(fields: Partial<EngineRequest> = {}): EngineRequest {
  return {
    input: { kind: 'prompt', text: 'abcdef' },
    maxTokens: 16,
    openEnded: false,
    stop: [],
    sampling: { temperatureMilli: 1500, topPMilli: 1000, topK: 0, seed: 11n },
    topLogprobs: undefined,
    withTrace: true,
    upstreamFields: {},
    ...fields,
  }
}

async function run(request: EngineRequest) {
  const events = []
  for await (const event of engine.generate(request, new AbortController().signal)) events.push(event)
  const finish = events.at(-1)?.finish
  if (finish === undefined) throw new Error('no finish')
  return {
    text: events.map(({ text }) => text).join(''),
    tokens: events.flatMap(({ tokens }) => tokens),
    logprobs: events.flatMap(({ logprobs }) => logprobs),
    finish,
  }
}

/** The same by the engine itself, without threads, queues and batches. */
function oracle(seed: bigint) {
  const direct = createEngine(model, { kernels: 'typescript', sequencesMax: 1 })
  const promptTokens = model.tokenizer.encode('abcdef')
  const sampling = { temperatureMilli: 1500, topPMilli: 1000, topK: 0 }
  const sequence = direct.createSequence({ promptTokens, maxTokens: 16, sampling, seed })
  while (sequence.finished === undefined) direct.step([sequence])
  const result = { tokens: [...sequence.tokens], trace: sequence.trace() }
  direct.close()
  return result
}

describe('the integer engine on its threads', () => {
  test('gives for every seed what the interpreter gives, eight at once in two batches', async () => {
    const seeds = Array.from({ length: 8 }, (_, index) => BigInt(index))
    const answers = await Promise.all(
      seeds.map((seed) => run(ask({ sampling: { temperatureMilli: 1500, topPMilli: 1000, topK: 0, seed } }))),
    )
    for (const [index, answer] of answers.entries()) {
      const expected = oracle(seeds[index] as bigint)
      expect(answer.tokens).toEqual(expected.tokens)
      expect(answer.finish.trace).toEqual(expected.trace)
      expect(answer.finish.usage.completionTokens).toBe(expected.tokens.length)
      expect(answer.text).toBe(model.tokenizer.decode(expected.tokens))
    }
  })

  test('ends at a stop, counts exactly the tokens up to it and gives log probabilities', async () => {
    const whole = await run(ask({ topLogprobs: 2 }))
    expect(whole.logprobs.length).toBe(whole.tokens.length)
    expect(whole.logprobs[0]?.top.length).toBe(2)
    const stop = [...whole.text].find((letter, index) => index > 1 && letter !== '\ufffd')
    if (stop === undefined) return
    const cut = await run(ask({ stop: [stop] }))
    expect(cut.text).toBe(whole.text.slice(0, whole.text.indexOf(stop)))
    expect(cut.finish.reason).toBe('stop')
    expect(cut.tokens).toEqual(whole.tokens.slice(0, cut.finish.usage.completionTokens))
  })

  test('forgets who went away, and its places are free again', async () => {
    for (let round = 0; round < 20; round++) {
      const gone = new AbortController()
      const answer = engine.generate(ask({ maxTokens: 20 }), gone.signal)[Symbol.asyncIterator]()
      const first = await answer.next()
      gone.abort()
      if (first.value?.finish === undefined) await expect(answer.next()).rejects.toThrow()
      await answer.return?.()
    }
    expect((await run(ask())).finish.usage.completionTokens).toBeGreaterThan(0)
  })

  test('says what it is', () => {
    expect(engine.model).toMatchObject({ kind: 'integer', reExecutable: true, logprobs: true, id: model.id })
    expect(engine.slots).toBe(8)
    expect(engine.health()).toEqual({ ok: true, detail: '2 of 2 threads run' })
  })
})
