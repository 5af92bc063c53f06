import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { errorBody, readEnvelope, refusals, sentHashes, withResults } from './envelope.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const error = { code: -32000, message: 'why' }

describe('readEnvelope', () => {
  test('a plain read may go anywhere and may be asked twice', () => {
    expect(readEnvelope(bytes('{"id":1,"method":"eth_call"}'))).toEqual({ route: 'any', repeat: 'free' })
  })
  test('a raw transaction may go anywhere, and its hash tells whether it was taken', () => {
    expect(readEnvelope(bytes('{"id":1,"method":"eth_sendRawTransaction"}'))).toEqual({ route: 'any', repeat: 'by_hash' })
  })
  test('one filter call takes its whole batch to the validator', () => {
    const body = bytes('[{"id":1,"method":"eth_call"},{"id":2,"method":"eth_getFilterChanges","params":["0x1"]}]')
    expect(readEnvelope(body)).toEqual({ route: 'validator', repeat: 'never' })
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

describe('a transaction that was sent twice', () => {
  const body = bytes(
    '[{"id":12345678901234567891,"method":"eth_chainId"},{"method":"eth_call"},{"id":"b","method":"eth_sendRawTransaction","params":["0x"]}]',
  )
  const answer = bytes(
    '[{"jsonrpc":"2.0","id":12345678901234567891,"result":"0x1"},{"jsonrpc":"2.0","id":"b","error":{"code":-32000,"message":"already known"}}]',
  )
  /** keccak256 of nothing. */
  const hash = '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'

  test('is found by the place of its answer, notifications left out', () => {
    expect([...sentHashes(body)]).toEqual([[1, hash]])
    expect(refusals(answer)).toEqual([1])
  })
  test('gets its hash as result, and all else stays as it was', () => {
    expect(withResults(answer, new Map([[1, hash]]))).toBe(
      `[{"jsonrpc":"2.0","id":12345678901234567891,"result":"0x1"},{"jsonrpc":"2.0","id":"b","result":"${hash}"}]`,
    )
  })
  test('no bytes make it throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(bytes)), (given) => {
        sentHashes(given)
        refusals(given)
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
