import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseEmbeddingRequest } from './embedding-request.ts'
import { OpenAiError } from './errors.ts'
import { parseChatRequest, parseCompletionRequest, utf8Length } from './request.ts'

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const chat = (fields: object) => parseChatRequest(bytes({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...fields }))
const refusal = (work: () => unknown): OpenAiError => {
  try {
    work()
  } catch (error) {
    if (error instanceof OpenAiError) return error
    throw error
  }
  throw new Error('was accepted')
}

describe('a chat request', () => {
  test('has the defaults of OpenAI', () => {
    expect(chat({})).toMatchObject({
      kind: 'chat',
      model: 'm',
      messages: [{ role: 'user', content: 'hi' }],
      maxTokens: undefined,
      n: 1,
      stop: [],
      temperatureMilli: 1000,
      topPMilli: 1000,
      seed: undefined,
      stream: false,
      upstreamFields: {},
      textBytes: 2,
    })
  })

  test('prefers max_completion_tokens, joins text parts and takes developer for system', () => {
    const request = chat({
      max_tokens: 5,
      max_completion_tokens: 9,
      messages: [
        { role: 'developer', content: 'be brief' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
        },
      ],
    })
    expect(request.maxTokens).toBe(9)
    expect(request.messages).toEqual([
      { role: 'system', content: 'be brief' },
      { role: 'user', content: 'ab' },
    ])
    expect(request.upstreamFields).toEqual({})
  })

  test('keeps what only an upstream understands as it came, and nothing that changes nothing', () => {
    const tools = [{ type: 'function', function: { name: 'f' } }]
    expect(chat({ tools, tool_choice: 'auto' }).upstreamFields).toEqual({ tools, tool_choice: 'auto' })
    expect(chat({ tools: [], response_format: { type: 'text' }, presence_penalty: 0, logit_bias: {} }).upstreamFields).toEqual({})
    const messages = [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] }]
    expect(chat({ messages }).upstreamFields).toEqual({ messages })
    const calls = [
      { role: 'assistant', content: null, tool_calls: [{}] },
      { role: 'tool', tool_call_id: '1', content: 'x' },
    ]
    expect(chat({ messages: calls }).upstreamFields).toEqual({ messages: calls })
  })

  test.each([
    [{ model: undefined }, 'model', 'missing_required_parameter'],
    [{ model: 7 }, 'model', 'invalid_type'],
    [{ messages: undefined }, 'messages', 'missing_required_parameter'],
    [{ messages: [] }, 'messages', 'empty_array'],
    [{ messages: 'hi' }, 'messages', 'invalid_type'],
    [{ messages: [{ role: 'robot', content: 'x' }] }, 'messages[0].role', 'invalid_value'],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content', 'missing_required_parameter'],
    [{ messages: [{ role: 'user', content: 'a\ud800' }] }, 'messages[0].content', 'invalid_value'],
    [{ temperature: 2.1 }, 'temperature', 'integer_above_max_value'],
    [{ temperature: 'hot' }, 'temperature', 'invalid_type'],
    [{ max_tokens: 0 }, 'max_tokens', 'integer_below_min_value'],
    [{ max_tokens: 1.5 }, 'max_tokens', 'invalid_type'],
    [{ n: 9 }, 'n', 'integer_above_max_value'],
    [{ stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop', 'array_above_max_length'],
    [{ stop: [''] }, 'stop[0]', 'invalid_value'],
    [{ top_logprobs: 2 }, 'top_logprobs', 'invalid_value'],
    [{ stream_options: { include_usage: true } }, 'stream_options', 'invalid_value'],
    [{ provider: { only: ['x'] } }, 'provider.only[0]', 'invalid_value'],
    [{ seed: 2 ** 60 }, 'seed', 'invalid_type'],
  ])('%j is refused with the name of the field', (fields, param, code) => {
    expect(refusal(() => chat(fields)).body().error).toMatchObject({ param, code, type: 'invalid_request_error' })
  })

  test('that is no JSON object is refused in words', () => {
    for (const text of ['', '{', '[]', 'null', '"x"', '\xff']) {
      expect(refusal(() => parseChatRequest(Buffer.from(text, 'latin1'))).status).toBe(400)
    }
  })
})

describe('hostile bytes', () => {
  const parsers = [parseChatRequest, parseCompletionRequest, parseEmbeddingRequest]

  test('never throw anything but an error in OpenAI form', () => {
    const names = [
      'model',
      'messages',
      'prompt',
      'input',
      'stop',
      'n',
      'seed',
      'stream',
      'stream_options',
      'tools',
      'provider',
      'zerog',
      'logprobs',
      'top_logprobs',
      'temperature',
      'top_p',
      'max_tokens',
      'response_format',
      'logit_bias',
      'encoding_format',
    ]
    const body = fc.dictionary(fc.constantFrom(...names, '__proto__', 'constructor'), fc.jsonValue({ maxDepth: 4 }), {
      maxKeys: 12,
    })
    const message = fc.record({
      role: fc.constantFrom('user', 'system', 'tool', 'assistant', 'x'),
      content: fc.jsonValue({ maxDepth: 3 }),
    })
    const near = fc
      .tuple(body, fc.array(message, { maxLength: 3 }))
      .map(([fields, messages]) => ({ model: 'm', messages, ...fields }))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), body.map(bytes), near.map(bytes)), (input) => {
        for (const parse of parsers) {
          try {
            const request = parse(input)
            expect(typeof request.model).toBe('string')
          } catch (error) {
            if (!(error instanceof OpenAiError)) throw error
            expect([400]).toContain(error.status)
          }
        }
      }),
      { numRuns: 400 },
    )
  })

  test('are counted as UTF-8 counts them', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => utf8Length(text) === Buffer.byteLength(text)))
  })
})
