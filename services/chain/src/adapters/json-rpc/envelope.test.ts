import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { errorText, isCall, parseBody, resultText } from './envelope.ts'
import { CODE, JsonRpcError } from './errors.ts'

/** The error of a body that is not JSON; everything else must come back as items. */
function parsed(bytes: Uint8Array): ReturnType<typeof parseBody> | undefined {
  try {
    return parseBody(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(JsonRpcError)
    expect((error as JsonRpcError).code).toBe(CODE.parse)
    return undefined
  }
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('parseBody', () => {
  test('arbitrary bytes are refused as no JSON, or are items', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void parsed(bytes)),
      { numRuns: 2_000 },
    )
  })

  test('any JSON value is answered item by item: a call, or invalid request with an id that can be sent back', () => {
    const request = fc.record(
      {
        jsonrpc: fc.oneof(fc.constant('2.0'), fc.jsonValue()),
        id: fc.jsonValue(),
        method: fc.oneof(fc.constant('eth_chainId'), fc.jsonValue()),
        params: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    const item = fc.oneof({ weight: 3, arbitrary: request }, { weight: 1, arbitrary: fc.jsonValue() })
    fc.assert(
      fc.property(fc.oneof(item, fc.array(item, { maxLength: 6 })), fc.nat(2), (value, indent) => {
        const body = parsed(utf8(JSON.stringify(value, null, indent)))
        expect(body?.batch).toBe(Array.isArray(value))
        expect(body?.items).toHaveLength(Array.isArray(value) ? value.length : 1)
        for (const found of body?.items ?? []) {
          if (isCall(found)) expect(found.method).not.toBe('')
          else expect(found.error.code).toBe(CODE.invalidRequest)
          const rawId = found.rawId ?? 'null'
          const text = isCall(found) ? resultText(rawId, { a: 1 }) : errorText(rawId, found.error)
          expect(JSON.stringify(JSON.parse(text).id)).toBe(JSON.stringify(JSON.parse(rawId)))
        }
      }),
      { numRuns: 1_000 },
    )
  })

  test('one changed byte of a request gives an error or a request, never anything else', () => {
    const good = utf8(
      '[{"jsonrpc":"2.0","id":"\\u00e4","method":"eth_call","params":[{"to":"0x00"},"latest"]},{"jsonrpc":"2.0","method":"x"}]',
    )
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
        const bytes = good.slice()
        bytes[at] = byte
        for (const found of parsed(bytes)?.items ?? []) if (isCall(found)) expect(typeof found.method).toBe('string')
      }),
      { numRuns: 2_000 },
    )
  })

  test('nesting that would exhaust the stack is refused or read, not a crash', () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"id":', '}'],
      ['{"params":[', ']}'],
    ] as const) {
      parsed(utf8(`${open.repeat(200_000)}1${close.repeat(200_000)}`))
      parsed(utf8(open.repeat(200_000)))
    }
  })
})
