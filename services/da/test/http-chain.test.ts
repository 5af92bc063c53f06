import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { ZerogError } from '@zerog/primitives'
import { httpChain } from '../src/adapters/committees/http-chain.ts'

let server: Server
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

type Request = { readonly method: string; readonly params: readonly unknown[] }

async function listen(answer: (request: Request) => unknown): Promise<string> {
  server = createServer(async (request, response) => {
    const given = answer(JSON.parse(await bodyOf(request)) as Request)
    if (given === 'silence') return
    if (given === 'elsewhere') response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
    else response.end(typeof given === 'string' ? given : JSON.stringify({ jsonrpc: '2.0', id: 1, ...(given as object) }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

const call = { to: '0x0000000000000000000000000000000000001000', data: '0x1234' } as const
const chain = (url: string) => httpChain({ url, chainId: 7n })
const reason = (work: Promise<unknown>) =>
  work.then(
    () => 'answered',
    (error: unknown) => (error instanceof ZerogError ? error.reason : String(error)),
  )

test('calls go to the latest block, or to a height, and the chain is asked for once', async () => {
  const asked: Request[] = []
  const url = await listen((request) => {
    asked.push(request)
    return { result: request.method === 'eth_chainId' ? '0x7' : '0xabcd' }
  })
  const reader = chain(url)
  expect(await reader.call(call)).toBe('0xabcd')
  expect(await reader.call({ ...call, height: 300n })).toBe('0xabcd')
  expect(asked.map(({ method, params }) => [method, params.at(-1)])).toEqual([
    ['eth_chainId', undefined],
    ['eth_call', 'latest'],
    ['eth_call', '0x12c'],
  ])
})

test('an endpoint of another chain is not believed', async () => {
  const url = await listen(({ method }) => ({ result: method === 'eth_chainId' ? '0x8' : '0xabcd' }))
  expect(await reason(chain(url).call(call))).toBe('CONFIG_INVALID')
})

test.each([
  ['an error', { error: { code: 3, message: 'reverted' } }, 'TRANSACTION_REFUSED'],
  ['no JSON', 'hello', 'DEPENDENCY_UNAVAILABLE'],
  ['JSON that is no object', '7', 'DEPENDENCY_UNAVAILABLE'],
  ['no result', {}, 'DEPENDENCY_UNAVAILABLE'],
  ['a result that is no hexadecimal', { result: 7 }, 'DEPENDENCY_UNAVAILABLE'],
  ['half a digit too many', { result: '0xabz' }, 'DEPENDENCY_UNAVAILABLE'],
  ['nine megabytes', `{"result":"0x${'00'.repeat(4_500_000)}"}`, 'DEPENDENCY_UNAVAILABLE'],
  ['another address', 'elsewhere', 'DEPENDENCY_UNAVAILABLE'],
])('an endpoint that answers with %s is told by its reason', async (_name, answer, wanted) => {
  const url = await listen(({ method }) => (method === 'eth_chainId' ? { result: '0x7' } : answer))
  expect(await reason(chain(url).call(call))).toBe(wanted)
})

test('one that is silent is left, and one that comes back is believed again', async () => {
  let silent = true
  const url = await listen(({ method }) => (silent ? 'silence' : { result: method === 'eth_chainId' ? '0x7' : '0x' }))
  const reader = chain(url)
  const waiting = reason(reader.call(call))
  server.closeAllConnections()
  const poll = setInterval(() => server.closeAllConnections(), 50)
  expect(await waiting).toBe('DEPENDENCY_UNAVAILABLE')
  clearInterval(poll)
  silent = false
  expect(await reader.call(call)).toBe('0x')
})
