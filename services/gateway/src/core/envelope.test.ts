import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { errorBody, readEnvelope } from './envelope.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const error = { code: -32000, message: 'why' }

describe('readEnvelope', () => {
  test('a plain read may go anywhere and may be asked twice', () => {
    expect(readEnvelope(bytes('{"id":1,"method":"eth_call"}'))).toEqual({ route: 'any', idempotent: true })
  })
  test('a raw transaction may go anywhere but is sent once', () => {
    expect(readEnvelope(bytes('{"id":1,"method":"eth_sendRawTransaction"}'))).toEqual({ route: 'any', idempotent: false })
  })
  test('one filter call takes its whole batch to the validator', () => {
    const body = bytes('[{"id":1,"method":"eth_call"},{"id":2,"method":"eth_getFilterChanges","params":["0x1"]}]')
    expect(readEnvelope(body)).toEqual({ route: 'validator', idempotent: false })
  })
  test('development methods go to the validator', () => {
    expect(readEnvelope(bytes('{"id":1,"method":"evm_mine"}')).route).toBe('validator')
  })
  test('storage methods go to the storage layer, unless others stand beside them', () => {
    expect(readEnvelope(bytes('{"id":1,"method":"zgs_getStatus"}')).route).toBe('storage')
    expect(readEnvelope(bytes('[{"id":1,"method":"zgs_getStatus"},{"id":2,"method":"eth_chainId"}]')).route).toBe('any')
    expect(readEnvelope(bytes('[]')).route).toBe('any')
  })
  test('no bytes make it throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(bytes)), (body) => {
        readEnvelope(body)
        JSON.parse(errorBody(body, error))
      }),
    )
  })
})

describe('errorBody', () => {
  test('a 17-digit id keeps its digits', () => {
    expect(errorBody(bytes('{"id":12345678901234567891,"method":"x"}'), error)).toContain('"id":12345678901234567891,')
    expect(errorBody(bytes('{"id":0.10000000000000000555,"method":"x"}'), error)).toContain('"id":0.10000000000000000555,')
  })
  test('a batch is answered call by call, notifications not at all', () => {
    const answer = JSON.parse(errorBody(bytes('[{"id":"a","method":"x"},{"method":"y"},{"id":null,"method":"z"}]'), error))
    expect(answer).toEqual([
      { jsonrpc: '2.0', id: 'a', error },
      { jsonrpc: '2.0', id: null, error },
    ])
  })
  test('what is no JSON gets one error with id null', () => {
    expect(JSON.parse(errorBody(bytes('{"id":'), error))).toEqual({ jsonrpc: '2.0', id: null, error })
  })
  test('an object as id is unreadable', () => {
    expect(JSON.parse(errorBody(bytes('{"id":{"id":7},"method":"x"}'), error)).id).toBeNull()
  })
})
