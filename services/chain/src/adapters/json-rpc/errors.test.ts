import { expect, test } from '@jest/globals'
import { type Reason, ZerogError } from '@zerog/primitives'
import { toJsonRpcError } from './errors.ts'

const answerTo = (reason: Reason) => toJsonRpcError(new ZerogError(reason, { message: 'why' }), 'r-1')

test.each([
  'DEPENDENCY_UNAVAILABLE',
  'REPLICA_BEHIND',
  'SHUTTING_DOWN',
  'DEADLINE_EXCEEDED',
  'QUEUE_FULL',
  'RATE_LIMITED',
] as const)('%s tells its reason, so that clients know that it passes', (reason) => {
  expect(answerTo(reason)).toMatchObject({ message: 'why', data: { reason } })
})

test('a refused transaction is answered as geth answers, without data', () => {
  expect(answerTo('TRANSACTION_REFUSED')).toMatchObject({ code: -32000, message: 'why', data: undefined })
})

test('our bugs and damaged records show the request id only', () => {
  for (const error of [new TypeError('secret'), new ZerogError('RECORD_CORRUPT', { message: 'secret' })]) {
    expect(toJsonRpcError(error, 'r-1')).toMatchObject({ code: -32603, message: 'internal error (request r-1)', data: undefined })
  }
})
