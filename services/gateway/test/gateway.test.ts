import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { keccak256, toHex, ZerogError } from '@zerog/primitives'
import { type TestContext, testContext, testWorld } from '@zerog/runtime/testing'
import { WebSocket } from 'ws'
import { gatewayModule } from '../src/module.ts'
import { type ChainStandIn, chainStandIn } from './chain-stand-in.ts'

let open: TestContext<unknown>[] = []
const gone = new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'gone' })

async function start(options: { replicas?: readonly bigint[]; validator?: bigint; config?: object } = {}) {
  const world = testWorld()
  const chains: Record<string, ChainStandIn> = {}
  const parts = [
    chainStandIn('chain-validator', options.validator ?? 5n),
    ...(options.replicas ?? []).map((height) => chainStandIn('chain-rpc', height)),
  ]
  for (const [index, { chain, module }] of parts.entries()) {
    const instance = Math.max(0, index - 1)
    const context = await testContext({ module, world, instance })
    await context.start()
    open.unshift(context)
    chains[`${module.target}/${instance}`] = chain
  }
  const gateway = await testContext({ module: gatewayModule, world, config: { port: 0, ...options.config } })
  const running = await gateway.start()
  open.unshift(gateway)
  const url = running.faces?.gatewayUrl ?? ''
  const post = (body: string, init: RequestInit = {}) => fetch(url, { method: 'POST', body, ...init })
  const call = async (method: string, id = 1) =>
    (await post(JSON.stringify({ jsonrpc: '2.0', id, method }))).json() as Promise<{ result?: string; error?: any }>
  return { url, post, call, chains, running, gateway }
}

beforeEach(() => {
  open = []
})

afterEach(async () => {
  for (const context of open) await context.close()
})

describe('JSON-RPC', () => {
  test('an answer of the chain comes back unchanged, under any content type', async () => {
    const { post } = await start()
    const response = await post('{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber"}', {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect(await response.json()).toEqual({ jsonrpc: '2.0', id: 1, result: '0x5' })
    expect(response.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/)
  })

  test('an answer of many chunks arrives whole', async () => {
    const { post } = await start()
    const response = await post('{"jsonrpc":"2.0","id":1,"method":"test_large","params":[3500000]}')
    const { result } = (await response.json()) as { result: string }
    expect(result.length).toBe(3_500_000)
  })

  test('heights never decrease over replicas of different heights', async () => {
    const { call, chains } = await start({ replicas: [9n, 7n, 8n], validator: 9n })
    let highest = 0n
    for (let round = 0; round < 60; round++) {
      for (const chain of Object.values(chains)) if (round % 3 === 0) chain.height += BigInt(round % 2)
      const { result } = await call('eth_blockNumber', round)
      expect(BigInt(result ?? -1)).toBeGreaterThanOrEqual(highest)
      highest = BigInt(result ?? -1)
    }
    expect(highest).toBeGreaterThan(9n)
  })

  test('a replica that is behind is passed over; when all are behind the caller is told why', async () => {
    const { call, chains } = await start({ replicas: [3n, 6n], validator: 6n })
    expect((await call('eth_blockNumber')).result).toBe('0x6')
    for (const chain of Object.values(chains)) chain.height = 2n
    const { error } = await call('eth_blockNumber')
    expect(error).toMatchObject({ code: -32000, data: { reason: 'REPLICA_BEHIND' } })
    expect(Object.values(chains).every((chain) => chain.bodies.length > 0)).toBe(true)
  })

  test('a read goes on to the next instance when one is gone', async () => {
    const { call, chains } = await start({ replicas: [5n], validator: 5n })
    ;(chains['chain-rpc/0'] as ChainStandIn).failure = gone
    expect((await call('eth_blockNumber')).result).toBe('0x5')
  })

  test('what no instance can answer waits for one that comes back', async () => {
    const { call, chains } = await start({ replicas: [5n], validator: 5n })
    const [validator, replica] = [chains['chain-validator/0'] as ChainStandIn, chains['chain-rpc/0'] as ChainStandIn]
    validator.failure = gone
    replica.failure = gone
    const answer = call('eth_blockNumber')
    while (replica.bodies.length < 2) await new Promise((resolve) => setImmediate(resolve))
    replica.failure = undefined
    expect((await answer).result).toBe('0x5')
  })

  test('what would do something twice is sent once', async () => {
    const { call, chains } = await start({ replicas: [5n], validator: 5n })
    const [validator, replica] = [chains['chain-validator/0'] as ChainStandIn, chains['chain-rpc/0'] as ChainStandIn]
    validator.failure = gone
    replica.failure = gone
    expect((await call('eth_sendRawTransactionSync')).error.data.reason).toBe('DEPENDENCY_UNAVAILABLE')
    expect(validator.bodies.length + replica.bodies.length).toBe(1)
  })

  test('a transaction whose answer was lost is sent again, and answered with its hash when the first attempt was taken', async () => {
    const { post, chains } = await start({ replicas: [5n], validator: 5n })
    const [validator, replica] = [chains['chain-validator/0'] as ChainStandIn, chains['chain-rpc/0'] as ChainStandIn]
    replica.failure = gone
    const send = async (raw: string) =>
      (await post(`{"jsonrpc":"2.0","id":7,"method":"eth_sendRawTransaction","params":["${raw}"]}`)).json()
    validator.refuses = 'already known'
    expect(await send('0x01')).toEqual({ jsonrpc: '2.0', id: 7, result: toHex(keccak256(Uint8Array.of(1))) })
    expect(validator.bodies.at(-1)).toContain('eth_getTransactionByHash')
    validator.refuses = 'insufficient funds'
    validator.knows = false
    expect(await send('0x02')).toMatchObject({ id: 7, error: { message: 'insufficient funds' } })
  })

  test('filters always reach the validator', async () => {
    const { call, chains } = await start({ replicas: [5n, 5n] })
    for (let round = 0; round < 4; round++) await call('eth_newBlockFilter')
    expect(chains['chain-validator/0']?.bodies.length).toBe(4)
  })

  test('a body above the limit is refused with 413 and a JSON-RPC error', async () => {
    const { post } = await start({ config: { rpcBodyBytesMax: 2_000 } })
    const response = await post(`{"id":1,"method":"${'x'.repeat(3_000)}"}`)
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({ id: null, error: { code: -32005 } })
  })

  test('a chain that hangs ends in a deadline, not in silence', async () => {
    const { call, chains } = await start({ config: { requestTimeoutMs: 100 } })
    ;(chains['chain-validator/0'] as ChainStandIn).gate = new Promise(() => {})
    expect((await call('eth_call')).error).toMatchObject({ code: -32000, data: { reason: 'DEADLINE_EXCEEDED' } })
  })

  test('a bug in the chain is hidden behind the request id', async () => {
    const { post, chains } = await start()
    ;(chains['chain-validator/0'] as ChainStandIn).failure = new ZerogError('INTERNAL', { message: 'secret detail' })
    const response = await post('{"id":1,"method":"eth_call"}', { headers: { 'x-request-id': 'mine-1' } })
    const text = await response.text()
    expect(text).not.toContain('secret')
    expect(JSON.parse(text).error).toEqual({
      code: -32603,
      message: 'internal error',
      data: { reason: 'INTERNAL', requestId: 'mine-1' },
    })
  })

  test('requests above the rate limit get 429 with a time to wait', async () => {
    const { call, post } = await start({ config: { rateLimitPerSecond: 3 } })
    const responses = await Promise.all(Array.from({ length: 12 }, () => post('{"id":1,"method":"eth_call"}')))
    expect(responses.filter((response) => response.status === 429).length).toBeGreaterThanOrEqual(6)
    expect(await call('eth_call')).toMatchObject({ error: { code: -32005 } })
  })

  test('pipelined requests above the limit of a connection are refused', async () => {
    const { url, chains } = await start({ config: { requestsPerConnectionMax: 2 } })
    let release = () => {}
    ;(chains['chain-validator/0'] as ChainStandIn).gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    const body = '{"id":1,"method":"eth_call"}'
    const request = `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    socket.write(request.repeat(3))
    let text = ''
    socket.on('data', (data) => {
      text += data
    })
    // The third one is refused while the first two wait; answers leave in the order of the requests.
    while (chains['chain-validator/0']?.bodies.length !== 2) await new Promise(setImmediate)
    release()
    while ((text.match(/HTTP\/1\.1/g) ?? []).length < 3) await once(socket, 'data')
    socket.destroy()
    expect(text.match(/HTTP\/1\.1 (\d+)/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 429'])
  })
})

describe('HTTP', () => {
  test('/status tells layers, heights and instances', async () => {
    const { url } = await start({ replicas: [5n] })
    const response = await fetch(`${url}/status`)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      v: 1,
      chainId: 31337,
      height: '5',
      ready: true,
      layers: { chain: { ready: true, instances: [{ target: 'chain-rpc', height: '5' }, { target: 'chain-validator' }] } },
    })
  })

  test('/status asks the compute router, and says what is wrong where it does not answer', async () => {
    const router = createServer((request, response) => {
      response.end(JSON.stringify(request.url === '/v1/zerog/status' ? { ready: true, detail: '1 of 1 providers answer' } : {}))
    })
    await new Promise<void>((resolve) => router.listen(0, '127.0.0.1', resolve))
    const { port } = router.address() as { port: number } // it listens on TCP
    const { url } = await start({ config: { computeRouterUrl: `http://127.0.0.1:${port}` } })
    const status = async () => (await (await fetch(`${url}/status`)).json()) as any
    expect(await status()).toMatchObject({
      layers: {
        compute: { ready: true, detail: '1 of 1 providers answer', instances: [{ target: 'compute-router', ok: true }] },
      },
      faces: { openaiUrl: `${url}/v1` },
    })
    router.closeAllConnections()
    await new Promise((resolve) => router.close(resolve))
    expect(await status()).toMatchObject({ ready: true, layers: { compute: { ready: false, instances: [{ ok: false }] } } })
  })

  test('a request for a router that restarts reaches its successor, whole and once', async () => {
    const bodies: string[] = []
    const serve = (port: number, answers: (body: string, response: ServerResponse) => void) => {
      const router = createServer(async (request, response) => answers(await text(request), response))
      return new Promise<typeof router>((resolve) => router.listen(port, '127.0.0.1', () => resolve(router)))
    }
    const refused = Promise.withResolvers<void>()
    const old = await serve(0, (_body, response) => {
      response.writeHead(503, { 'x-zerog-refused': 'shutting_down', connection: 'close' }).end('{}')
      refused.resolve()
    })
    const { port } = old.address() as { port: number } // it listens on TCP
    const { url } = await start({ config: { computeRouterUrl: `http://127.0.0.1:${port}` } })
    const answer = fetch(`${url}/v1/chat/completions`, { method: 'POST', body: '{"model":"m"}' })
    await refused.promise
    old.closeAllConnections()
    await new Promise((resolve) => old.close(resolve))
    const successor = await serve(port, (body, response) => {
      bodies.push(body)
      response.end('{"ok":true}')
    })
    expect(await (await answer).json()).toEqual({ ok: true })
    expect(bodies).toEqual(['{"model":"m"}'])
    successor.closeAllConnections()
    await new Promise((resolve) => successor.close(resolve))
  })

  test('a request that the router had begun is not sent again', async () => {
    let requests = 0
    const router = createServer((request) => {
      requests++
      request.socket.destroy()
    })
    await new Promise<void>((resolve) => router.listen(0, '127.0.0.1', resolve))
    const { port } = router.address() as { port: number } // it listens on TCP
    const { url } = await start({ config: { computeRouterUrl: `http://127.0.0.1:${port}` } })
    const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: '{}' })
    expect([answer.status, requests]).toEqual([503, 1])
    await new Promise((resolve) => router.close(resolve))
  })

  test('an unknown path is a problem document', async () => {
    const { url } = await start()
    const response = await fetch(`${url}/nothing?key=secret`)
    expect(response.status).toBe(404)
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    const problem = (await response.json()) as { reason: string; detail: string }
    expect(problem.reason).toBe('NOT_FOUND')
    expect(problem.detail).not.toContain('secret')
  })

  test('a browser page of another origin may call', async () => {
    const { url } = await start()
    const preflight = await fetch(url, {
      method: 'OPTIONS',
      headers: {
        origin: 'http://page.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
        'access-control-request-private-network': 'true',
      },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
    expect(preflight.headers.get('access-control-allow-headers')).toBe('content-type')
    expect(preflight.headers.get('access-control-allow-private-network')).toBe('true')
  })

  test('an origin that is not listed may not', async () => {
    const { url } = await start({ config: { corsOrigins: 'http://good.example' } })
    const ask = async (origin: string) =>
      (await fetch(`${url}/status`, { headers: { origin } })).headers.get('access-control-allow-origin')
    expect(await ask('http://good.example')).toBe('http://good.example')
    expect(await ask('http://bad.example')).toBeNull()
  })

  test('draining lets a running request finish and refuses new connections', async () => {
    const { call, chains, running, url } = await start()
    let release = () => {}
    ;(chains['chain-validator/0'] as ChainStandIn).gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const slow = call('eth_call')
    while (chains['chain-validator/0']?.bodies.length !== 1) await new Promise(setImmediate)
    const drained = running.drain?.()
    release()
    expect((await slow).result).toBe('0x5')
    await drained
    await expect(fetch(`${url}/status`)).rejects.toThrow()
  })
})

test('what comes over an open connection while draining is refused in the form of its face', async () => {
  const { chains, running, url } = await start()
  let release = () => {}
  ;(chains['chain-validator/0'] as ChainStandIn).gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const body = '{"jsonrpc":"2.0","id":1,"method":"eth_call"}'
  const post = `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  const ask = async (late: string) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    let text = ''
    socket.on('data', (data) => {
      text += data
    })
    const before = chains['chain-validator/0']?.bodies.length ?? 0
    socket.write(post)
    while (chains['chain-validator/0']?.bodies.length === before) await new Promise(setImmediate)
    // The server may cut the connection right after its last answer.
    socket.on('error', () => {})
    const closed = new Promise<string>((resolve) => socket.on('close', () => resolve(text)))
    return { late: () => new Promise<void>((resolve) => void socket.write(late, () => resolve())), closed }
  }
  const json = await ask(post)
  const plain = await ask('GET /status HTTP/1.1\r\nhost: x\r\n\r\n')
  const drained = running.drain?.()
  await Promise.all([json.late(), plain.late()])
  // What was written lies in the server's sockets now; it reads them in its next turn, before the first answers leave.
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
  release()
  const [jsonText, plainText] = await Promise.all([json.closed, plain.closed])
  await drained
  expect(jsonText.match(/HTTP\/1\.1 (\d+)/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 503'])
  const answer = JSON.parse(jsonText.slice(jsonText.lastIndexOf('\r\n\r\n')))
  expect(answer).toMatchObject({ jsonrpc: '2.0', error: { code: -32000, data: { reason: 'SHUTTING_DOWN' } } })
  expect(JSON.parse(plainText.slice(plainText.lastIndexOf('\r\n\r\n')))).toMatchObject({ status: 503, reason: 'SHUTTING_DOWN' })
})

describe('WebSocket', () => {
  const opened = async (url: string) => {
    const socket = new WebSocket(url.replace('http', 'ws'))
    await once(socket, 'open')
    return socket
  }
  const ask = async (socket: WebSocket, id: number) => {
    socket.send(JSON.stringify({ jsonrpc: '2.0', id, method: 'eth_blockNumber' }))
    const [data] = await once(socket, 'message')
    return JSON.parse(String(data)) as { id: number; result: string }
  }

  test('frames go both ways and keep the heights that HTTP has shown', async () => {
    const { url, call, chains } = await start({ validator: 5n })
    const socket = await opened(url)
    expect(await ask(socket, 7)).toEqual({ jsonrpc: '2.0', id: 7, result: '0x5' })
    ;(chains['chain-validator/0'] as ChainStandIn).height = 8n
    expect((await ask(socket, 8)).result).toBe('0x8')
    expect((await call('eth_blockNumber')).result).toBe('0x8')
    socket.close()
  })

  test('when the instance goes away the socket closes with 1012', async () => {
    const { url, chains } = await start()
    const socket = await opened(url)
    await ask(socket, 1)
    chains['chain-validator/0']?.hangUp()
    const [code] = await once(socket, 'close')
    expect(code).toBe(1012)
  })

  test('a frame above the limit closes with 1009', async () => {
    const { url } = await start({ config: { rpcBodyBytesMax: 2_000 } })
    const socket = await opened(url)
    socket.send('x'.repeat(3_000))
    const [code] = await once(socket, 'close')
    expect(code).toBe(1009)
  })

  test('a hundred frames sent at once are all answered in order', async () => {
    const { url } = await start()
    const socket = await opened(url)
    const ids: number[] = []
    socket.on('message', (data) => ids.push(JSON.parse(String(data)).id))
    for (let id = 0; id < 400; id++) socket.send(JSON.stringify({ jsonrpc: '2.0', id, method: 'eth_blockNumber' }))
    while (ids.length < 400) await once(socket, 'message')
    expect(ids).toEqual(Array.from({ length: 400 }, (_, id) => id))
    socket.close()
  })

  test('draining closes sockets with 1001', async () => {
    const { url, running } = await start()
    const socket = await opened(url)
    const closed = once(socket, 'close')
    await running.drain?.()
    expect((await closed)[0]).toBe(1001)
  })
})
