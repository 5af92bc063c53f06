import { expect, test } from '@jest/globals'
import { ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { httpTransport } from './http.ts'

const endpoints = { rpcUrl: 'http://rpc', nodeUrl: 'http://node', indexerUrl: 'http://indexer' }
const answering = (text: string, status = 200) =>
  httpTransport(endpoints, { fetch: async () => new Response(text, { status }) }).request('rpc', { method: 'eth_chainId' })

test.each([
  ['a page', '<html>', 502],
  ['nothing', '', 200],
  ["another server's JSON", '{"error":"Service Unavailable","message":"Service Unavailable","statusCode":503}', 503],
  ['neither result nor error', '{"jsonrpc":"2.0","id":1}', 200],
  ['an error that is none', '{"jsonrpc":"2.0","id":1,"error":null}', 200],
  ['a list', '[{"result":"0x1"}]', 200],
])('%s is no answer: the endpoint is called unavailable', async (_what, text, status) => {
  await expect(answering(text, status)).rejects.toMatchObject({ reason: 'DEPENDENCY_UNAVAILABLE' })
})

test('null is a result, and so is a result beside an error of null', async () => {
  expect(await answering('{"result":null}')).toBeNull()
  expect(await answering('{"result":"0x1","error":null}')).toBe('0x1')
})

test('whatever a server answers, the caller gets a result or a ZerogError', async () => {
  const answer = fc.oneof(
    fc.string(),
    fc.json(),
    fc.record({ error: fc.jsonValue() }).map((value) => JSON.stringify(value)),
  )
  await fc.assert(
    fc.asyncProperty(answer, async (text) => {
      const outcome = await answering(text).catch((error: unknown) => error)
      expect(outcome === undefined || (outcome instanceof Error && !(outcome instanceof ZerogError))).toBe(false)
    }),
  )
})
