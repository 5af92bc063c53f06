import { expect, test } from '@jest/globals'
import { ZerogError } from '@zerog/primitives'
import fastify from 'fastify'
import { fileNotFound, sendBusinessError } from './envelope.ts'

test.each([
  ['a refusal', fileNotFound(), { status: 200, code: 101 }],
  ['a storage layer that is away', new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'gone' }), { status: 503, code: 2 }],
  ['a failure of our own', new Error('bug'), { status: 600, code: 2 }],
])('%s has the status that clients of 0G act on', async (_what, error, { status, code }) => {
  const app = fastify()
  app.get('/', (_request, reply) => sendBusinessError(reply, error))
  const answer = await app.inject('/')
  expect(answer.statusCode).toBe(status)
  expect(answer.json()).toMatchObject({ code })
  await app.close()
})
