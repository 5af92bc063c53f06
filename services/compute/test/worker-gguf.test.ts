import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { buildFileTree, toHex } from '@zerog/primitives'
import { ggufEngine } from '../src/adapters/engines/gguf.ts'
import type { Engine, EngineRequest } from '../src/app/worker/engine.ts'
import { tinyGguf } from './support/gguf.ts'

const CHAT = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant: "
let folder: string
let engine: Engine

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zerog-gguf-'))
  const bytes = tinyGguf({ chatTemplate: CHAT })
  const path = join(folder, 'tiny.gguf')
  await writeFile(path, bytes)
  engine = await ggufEngine({ id: 'tiny', path, root: buildFileTree(bytes).root, contextTokens: 256, sequences: 2, threads: 1 })
})
afterAll(async () => {
  await engine.close()
  await rm(folder, { recursive: true })
})

function ask(fields: Partial<EngineRequest> = {}): EngineRequest {
  return {
    input: { kind: 'prompt', text: 'hello' },
    maxTokens: 12,
    openEnded: false,
    stop: [],
    sampling: { temperatureMilli: 0, topPMilli: 1000, topK: 0, seed: 1n },
    topLogprobs: undefined,
    withTrace: false,
    upstreamFields: {},
    ...fields,
  }
}

async function run(request: EngineRequest, signal = new AbortController().signal) {
  const events = []
  for await (const event of engine.generate(request, signal)) events.push(event)
  const finish = events.at(-1)?.finish
  if (finish === undefined) throw new Error('no finish')
  return { text: events.map(({ text }) => text).join(''), tokens: events.flatMap(({ tokens }) => tokens), finish }
}

describe('a GGUF model that this test made', () => {
  test('says what it is', () => {
    expect(engine.model).toMatchObject({
      id: 'tiny',
      kind: 'gguf',
      contextTokens: 256,
      chat: true,
      completions: true,
      reExecutable: false,
    })
    expect(toHex(engine.model.root ?? new Uint8Array())).toMatch(/^0x[0-9a-f]{64}$/)
    expect(engine.model.parameterCount).toBe(2n * 259n * 32n + 3n * 32n + 4n * 32n * 32n + 3n * 64n * 32n)
  })

  test('answers the same greedily, alone and beside another', async () => {
    const alone = await run(ask())
    expect(alone.tokens.length).toBe(alone.finish.usage.completionTokens)
    expect(alone.finish.usage.promptTokens).toBe(engine.countTokens({ kind: 'prompt', text: 'hello' }))
    const [one, two] = await Promise.all([run(ask()), run(ask({ input: { kind: 'prompt', text: 'other words' } }))])
    expect(one).toEqual(alone)
    expect(two.tokens).not.toEqual(alone.tokens)
  })

  test('draws the same with the same seed and something else with another', async () => {
    const sampling = { temperatureMilli: 1500, topPMilli: 1000, topK: 0, seed: 5n }
    const first = await run(ask({ sampling }))
    expect(await run(ask({ sampling }))).toEqual(first)
    expect((await run(ask({ sampling: { ...sampling, seed: 6n } }))).tokens).not.toEqual(first.tokens)
  })

  test('goes through its chat template, ends at its length and at a stop', async () => {
    const input = { kind: 'chat' as const, messages: [{ role: 'user' as const, content: 'hi' }] }
    const whole = await run(
      ask({ input, maxTokens: 20, sampling: { temperatureMilli: 2000, topPMilli: 1000, topK: 0, seed: 3n } }),
    )
    expect(whole.finish.usage.promptTokens).toBeGreaterThanOrEqual('user: hi\nassistant: '.length)
    if (whole.finish.reason === 'length') expect(whole.tokens.length).toBe(20)
    const stop = [...whole.text].find((letter, index) => index > 2 && letter !== '\ufffd')
    if (stop === undefined) return
    const cut = await run(
      ask({ input, maxTokens: 20, stop: [stop], sampling: { temperatureMilli: 2000, topPMilli: 1000, topK: 0, seed: 3n } }),
    )
    expect(cut.text).toBe(whole.text.slice(0, whole.text.indexOf(stop)))
    expect(cut.finish.reason).toBe('stop')
    expect(cut.finish.usage.completionTokens).toBeLessThanOrEqual(whole.finish.usage.completionTokens)
  })

  test('stops when the caller goes away, and its place is free again', async () => {
    for (let round = 0; round < 5; round++) {
      const gone = new AbortController()
      const answer = engine.generate(ask({ maxTokens: 200 }), gone.signal)[Symbol.asyncIterator]()
      await answer.next()
      gone.abort()
      await expect(answer.next()).rejects.toThrow()
    }
    expect(engine.health().detail).toBe('2 of 2 sequences free')
  })

  test('that is broken is refused in words', async () => {
    const path = join(folder, 'broken.gguf')
    await writeFile(path, tinyGguf().subarray(0, 3000))
    const opening = ggufEngine({ id: 'x', path, root: new Uint8Array(32), contextTokens: 256, sequences: 1, threads: 1 })
    await expect(opening).rejects.toMatchObject({ reason: 'ENCODING_INVALID' })
  })
})
