import { describe, expect, test } from '@jest/globals'
import { addresses } from '@zerog/contracts'
import { inferenceServing, MODEL_REGISTRY, RECEIPT_ANCHOR } from './addresses.ts'
import { readEvents } from './chat.ts'

const event = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
const chunk = (delta: object, finish: string | null = null) =>
  event({ id: 'a', choices: [{ index: 0, delta, finish_reason: finish }] })
const usage = event({ id: 'a', choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } })
const DONE = 'data: [DONE]\n\n'
const read = (text: string) => readEvents(new TextEncoder().encode(text))

test('contracts are where the networks have them', () => {
  for (const chainId of [31337, 777]) {
    const at = addresses({ chainId: BigInt(chainId) })
    expect(inferenceServing(chainId)).toBe(at.inferenceServing)
    expect(RECEIPT_ANCHOR).toBe(at.receiptAnchor)
    expect(MODEL_REGISTRY).toBe(at.modelRegistry)
  }
})

describe('the order of a stream', () => {
  test('is text, end, usage, done', () => {
    expect(read(chunk({ content: 'a' }) + chunk({ content: 'b' }) + chunk({}, 'stop') + usage + DONE)).toEqual({
      text: 'ab',
      finishReason: 'stop',
      usage: { promptTokens: 1, completionTokens: 2 },
    })
  })

  test.each([
    ['cut', chunk({ content: 'a' })],
    ['cut within an event', `${chunk({ content: 'a' })}data: {`],
    ['without an end of the answer', chunk({ content: 'a' }) + DONE],
    ['with text after the end', chunk({}, 'stop') + chunk({ content: 'a' }) + DONE],
    ['with an event after the usage', chunk({}, 'stop') + usage + chunk({ content: 'a' }) + DONE],
    ['of two answers', chunk({ content: 'a' }) + event({ id: 'b', choices: [] }) + chunk({}, 'stop') + DONE],
    ['with an error in it', event({ error: { message: 'x' } }) + DONE],
    ['with bytes after done', `${chunk({}, 'stop')}${DONE}x`],
  ])('%s is refused', (_name, text) => {
    expect(() => read(text)).toThrow("not an answer in OpenAI's form")
  })
})
