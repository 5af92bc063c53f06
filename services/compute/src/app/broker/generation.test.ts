import { expect, test } from '@jest/globals'
import { systemClock } from '@zerog/adapters'
import { runChoices } from './generation.ts'
import type { GenerateCall, GenerateEvent, TakenModel } from './ports.ts'

const EVENT: GenerateEvent = {
  text: 'word',
  tokenCount: 1,
  logprobs: [],
  fields: undefined,
  end: { finishReason: 'stop', usage: { promptTokens: 1, completionTokens: 1, cachedTokens: 0 }, traceRoot: undefined },
}

function setUp(confirm: () => Promise<void>, failure?: Error) {
  const seen = { begun: false, stopped: false }
  const client = {
    async *generate(_call: GenerateCall, signal: AbortSignal) {
      seen.begun = true
      signal.addEventListener('abort', () => {
        seen.stopped = true
      })
      if (failure !== undefined) throw failure
      yield EVENT
    },
  }
  // `as`: only what runChoices uses.
  const generation = { calls: [{} as GenerateCall], taken: { client } as unknown as TakenModel, confirm }
  const limits = { firstTokenMs: 10_000, tokenMs: 10_000 }
  const events = runChoices(generation, limits, { clock: systemClock, signal: new AbortController().signal })
  return { seen, events: events[Symbol.asyncIterator]() }
}

test('the worker begins at once, and nothing comes out before the user is let in for certain', async () => {
  const admitted = Promise.withResolvers<void>()
  const { seen, events } = setUp(() => admitted.promise)
  let out = false
  const first = events.next().then((result) => {
    out = true
    return result
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect({ begun: seen.begun, out }).toEqual({ begun: true, out: false })
  admitted.resolve()
  expect((await first).value?.event).toBe(EVENT)
})

test('whoever is not let in gets nothing, and the worker is stopped', async () => {
  const { seen, events } = setUp(() => Promise.reject(new Error('revoked')))
  await expect(events.next()).rejects.toThrow('revoked')
  expect(seen).toEqual({ begun: true, stopped: true })
})

test('a model that fails before the user is let in fails the answer, not the process', async () => {
  const admitted = Promise.withResolvers<void>()
  const { events } = setUp(() => admitted.promise, new Error('refused'))
  const first = events.next()
  // An unhandled rejection is reported when the tasks of this turn are done.
  await new Promise((resolve) => setImmediate(resolve))
  admitted.resolve()
  await expect(first).rejects.toThrow('refused')
})
