import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseBody } from './json-body.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const echo = (text: string) => JSON.stringify(parseBody(bytes(text))?.calls.map((call) => call.id))

describe('a JSON-RPC body', () => {
  test('gives ids back exactly as they were written', () => {
    for (const id of ['17642894512345678', '17642894512345678.5', '12345678901234567890123', '-5', '7', '"a"', 'null']) {
      expect(echo(`{"jsonrpc":"2.0","method":"m","params":[],"id":${id}}`)).toBe(`[${id}]`)
    }
  })

  test('finds the id beside a large body and in a batch', () => {
    const large = 'x'.repeat(100_000)
    const id = '17642894512345678901'
    expect(echo(`{"id":${id},"method":"m","params":["${large}"]}`)).toBe(`[${id}]`)
    expect(echo(`{"method":"m","params":["${large}"],"id":${id}}`)).toBe(`[${id}]`)
    expect(echo(`{"params":["${large}"],"id":${id},"method":"m","rest":"${large}"}`)).toBe(`[${id}]`)
    expect(echo(`[{"id":${id},"method":"m"},{"id":2,"method":"m"}]`)).toBe(`[${id},2]`)
  })

  test('takes no id out of the parameters', () => {
    const body = '{"jsonrpc":"2.0","method":"m","params":[{"id":7}],"id":17642894512345678}'
    expect(echo(body)).toBe('[17642894512345678]')
  })

  test('that is no request is malformed, one that is no JSON is undefined', () => {
    expect(parseBody(bytes('{'))).toBeUndefined()
    expect(parseBody(bytes('5'))?.calls[0]).toMatchObject({ malformed: true, id: null })
    expect(parseBody(bytes('{"id":3}'))?.calls[0]).toMatchObject({ malformed: true, id: 3 })
    expect(parseBody(bytes('{"id":3,"method":"m","params":{"a":1}}'))?.calls[0]).toMatchObject({ malformed: true, id: 3 })
    expect(parseBody(bytes('{"method":"m"}'))?.calls[0]?.id).toBeUndefined()
    expect(parseBody(bytes('{"method":"m","id":{"a":1}}'))?.calls[0]?.id).toBeNull()
  })

  test('of any bytes never throws', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (body) => void parseBody(body)))
    fc.assert(fc.property(fc.json(), (text) => void parseBody(bytes(text))))
  })
})
