import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { type RpcServer, startRpcServer } from './support/rpc-server.ts'
import { createTestChain, type TestChain } from './support/test-chain.ts'

// Real servers on a machine that may be busy.
jest.setTimeout(300_000)

const CODES = [-32700, -32600, -32601, -32602, -32000, -32002, -32003, -32005, 3]

describe('raw JSON-RPC', () => {
  let chain: TestChain
  let server: RpcServer
  beforeAll(async () => {
    chain = await createTestChain({ chainOnly: false })
    server = await startRpcServer(chain, { limits: { batchItemsMax: 10, responseBytesMax: 20_000 } })
  })
  afterAll(async () => {
    await server.close()
    await chain.stop()
    expect(server.failures).toEqual([])
  })

  describe('ids come back byte for byte', () => {
    test.each(['1', '0.12345678901234567', '12345678901234567890', '"\\u0041b"', 'null', '1e3', 'true', '""'])(
      '%s',
      async (id) => {
        const answer = await server.post(`{"jsonrpc":"2.0","id":${id},"method":"net_version"}`)
        expect(answer).toBe(`{"jsonrpc":"2.0","id":${id},"result":"31337"}`)
      },
    )
    test('in a batch, between notifications and rubbish', async () => {
      const answer = await server.post(
        '[{"jsonrpc":"2.0","id":0.30000000000000004,"method":"net_version"},{"jsonrpc":"2.0","method":"net_version"},7,{"jsonrpc":"2.0","id":"x","method":"no_such"}]',
      )
      expect(answer).toBe(
        '[{"jsonrpc":"2.0","id":0.30000000000000004,"result":"31337"},' +
          '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request"}},' +
          '{"jsonrpc":"2.0","id":"x","error":{"code":-32601,"message":"the method no_such does not exist/is not available"}}]',
      )
    })
  })

  describe('bodies that are no requests', () => {
    const cases: [string, string][] = [
      ['', '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}'],
      ['{"jsonrpc":"2.0",', '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}'],
      ['[]', '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"empty batch"}}'],
      ['5', '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request"}}'],
      ['{"id":3,"method":"net_version"}', '{"jsonrpc":"2.0","id":3,"error":{"code":-32600,"message":"invalid request"}}'],
      [
        '{"jsonrpc":"2.0","id":{},"method":"net_version"}',
        '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request"}}',
      ],
      ['{"jsonrpc":"2.0","method":"net_version"}', ''],
      ['[{"jsonrpc":"2.0","method":"net_version"}]', ''],
    ]
    test.each(cases)('%s', async (body, answer) => expect(await server.post(body)).toBe(answer))

    test('bytes that are not UTF-8', async () => {
      const bytes = Buffer.concat([
        Buffer.from('{"jsonrpc":"2.0","id":"'),
        Buffer.of(0xff),
        Buffer.from('","method":"net_version"}'),
      ])
      const { body } = await server.jsonRpc.execute(bytes, { signal: new AbortController().signal })
      expect(JSON.parse(body.toString()).error.code).toBe(-32700)
    })
  })

  test.each<[string, unknown, string]>([
    ['eth_getBalance', [], 'missing value for required argument 0'],
    ['eth_getBalance', [null], 'missing value for required argument 0'],
    ['eth_getBlockByNumber', ['latest'], 'missing value for required argument 1'],
    ['eth_chainId', [1], 'too many arguments, want at most 0'],
    ['eth_chainId', { a: 1 }, 'non-array args'],
    [
      'eth_getBalance',
      ['f39fd6e51aad88f6f4ce6ab8827279cfffb92266'],
      'invalid argument 0: json: cannot unmarshal hex string without 0x prefix into Go value of type common.Address',
    ],
    ['eth_getBlockByNumber', ['latest', 'x'], 'invalid argument 1: json: cannot unmarshal string into Go value of type bool'],
  ])('%s with wrong parameters is refused in geth’s words', async (method, params, message) => {
    expect((await server.request(method, params)).error).toEqual({ code: -32602, message })
  })

  test('methods of development nodes name the flag that brings them', async () => {
    for (const method of ['evm_revert', 'hardhat_setBalance', 'anvil_impersonateAccount', 'anvil_noSuchThing']) {
      const { error } = await server.request(method, ['0x1'])
      expect(error.code).toBe(-32601)
      expect(error.message).toContain('zerog up --chain-only')
    }
  })

  test('names of objects’ inherited members are no methods', async () => {
    for (const method of ['constructor', '__proto__', 'toString']) {
      expect((await server.request(method)).error.code).toBe(-32601)
    }
  })

  test('a batch with too many items is refused as a whole', async () => {
    const item = (id: number) => ({ jsonrpc: '2.0', id, method: 'net_version' })
    const answer = JSON.parse(await server.post(JSON.stringify(Array.from({ length: 11 }, (_, id) => item(id)))))
    expect(answer).toEqual([{ jsonrpc: '2.0', id: 0, error: { code: -32600, message: 'batch too large' } }])
  })

  test('what does not fit into the answer of a batch is refused item by item', async () => {
    // Each block is some 1,800 bytes, so 5,000 hold two.
    const small = await startRpcServer(chain, { limits: { responseBytesMax: 5_000 } })
    const blocks = Array.from({ length: 10 }, (_, id) => ({
      jsonrpc: '2.0',
      id,
      method: 'eth_getBlockByNumber',
      params: ['0x0', true],
    }))
    const text = await small.post(JSON.stringify(blocks))
    await small.close()
    const answers = JSON.parse(text)
    expect(answers.map(({ id }: { id: number }) => id)).toEqual(blocks.map(({ id }) => id))
    const refused = answers.filter((answer: any) => answer.error !== undefined)
    expect(text.length).toBeLessThan(6_000)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.length).toBeLessThan(blocks.length)
    expect(refused.at(-1).error).toEqual({ code: -32003, message: 'response too large' })
  })

  test('a request ends when its time is over, and the caller hears of it', async () => {
    const slow = await createTestChain({ sealing: { kind: 'manual' } })
    const patient = await startRpcServer(slow)
    const impatient = await startRpcServer(slow, { limits: { requestTimeoutMs: 50, syncWaitMs: 10_000 } })
    try {
      const sign = async (nonce: string): Promise<string> => {
        const { result } = await patient.request('eth_signTransaction', [
          { from: slow.accounts[0], to: slow.accounts[1], gas: '0x5208', nonce },
        ])
        return result.raw
      }
      const answer = await impatient.request('eth_sendRawTransactionSync', [await sign('0x0')])
      expect(answer.error).toEqual({ code: -32002, message: 'request timed out' })
      const batch = await impatient.post(
        JSON.stringify([
          { jsonrpc: '2.0', id: 1, method: 'eth_sendRawTransactionSync', params: [await sign('0x1')] },
          { jsonrpc: '2.0', id: 2, method: 'eth_chainId' },
        ]),
      )
      expect(JSON.parse(batch)).toEqual([
        { jsonrpc: '2.0', id: 1, error: { code: -32002, message: 'request timed out' } },
        { jsonrpc: '2.0', id: 2, error: { code: -32002, message: 'request timed out' } },
      ])
    } finally {
      await impatient.close()
      await patient.close()
      await slow.stop()
    }
  })

  test('an aborted caller does not leave an error behind', async () => {
    const controller = new AbortController()
    controller.abort(new Error('gone'))
    const body = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}')
    const answer = await server.jsonRpc.execute(body, { signal: controller.signal })
    expect(JSON.parse(answer.body.toString()).id).toBe(1)
  })

  test('the height of an answer is not below what it shows', async () => {
    const block = await chain.mine()
    const { body, height } = await server.jsonRpc.execute(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber"}'), {
      signal: new AbortController().signal,
    })
    expect(JSON.parse(body.toString()).result).toBe(`0x${block.header.height.toString(16)}`)
    expect(height).toBe(block.header.height)
  })

  describe('fuzz', () => {
    const signal = new AbortController().signal
    const METHODS = [
      'eth_call eth_estimateGas eth_createAccessList eth_getBalance eth_getBlockByHash eth_getBlockByNumber eth_getLogs eth_newFilter',
      'eth_getFilterChanges eth_getProof eth_getStorageAt eth_getTransactionByHash eth_getTransactionReceipt eth_feeHistory',
      'eth_sendRawTransaction eth_simulateV1 eth_subscribe eth_signTypedData_v4 eth_sendTransaction eth_fillTransaction eth_sign',
      'web3_sha3 txpool_contentFrom debug_traceCall debug_traceTransaction debug_getRawBlock eth_getBlockReceipts eth_getStorageValues',
      'eth_getUncleByBlockNumberAndIndex eth_getRawTransactionByBlockNumberAndIndex personal_sign evm_mine rpc_modules',
    ].flatMap((line) => line.split(' '))
    const account = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266'
    const hex = fc.oneof(
      fc.constantFrom(
        '0x',
        '0x0',
        '0x1',
        'latest',
        'pending',
        'earliest',
        account,
        `0x${'00'.repeat(32)}`,
        `0x${'ff'.repeat(32)}`,
      ),
      fc.bigInt(0n, 1n << 64n).map((value) => `0x${value.toString(16)}`),
      fc.uint8Array({ maxLength: 80 }).map((bytes) => `0x${Buffer.from(bytes).toString('hex')}`),
    )
    const keys = fc.constantFrom(
      ...'from to data input value gas gasPrice nonce maxFeePerGas accessList topics address fromBlock toBlock blockHash'.split(
        ' ',
      ),
      ...'blockStateCalls calls tracer stateOverrides blockOverrides balance code state stateDiff types message primaryType'.split(
        ' ',
      ),
    )
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5, withCrossShrink: true },
        hex,
        fc.jsonValue({ maxDepth: 1 }),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(keys, tie('value'), { maxKeys: 4 }),
        fc.dictionary(hex, tie('value'), { maxKeys: 2 }),
      ),
    }))

    const check = (text: string) => {
      const answer = JSON.parse(text)
      for (const one of Array.isArray(answer) ? answer : [answer]) {
        expect(one.jsonrpc).toBe('2.0')
        expect('result' in one).not.toBe('error' in one)
        if (one.error === undefined) continue
        if (!CODES.includes(one.error.code) && one.error.code > -38000)
          throw new Error(`code ${one.error.code}: ${one.error.message}`)
        expect(one.error.message).not.toMatch(/\/(src|node_modules)\/|TypeError|undefined/)
      }
    }

    test('known methods with any parameters answer with a result or a documented error', async () => {
      const request = fc.record({ method: fc.constantFrom(...METHODS), params: fc.array(value, { maxLength: 4 }) })
      await fc.assert(
        fc.asyncProperty(request, async ({ method, params }) => {
          const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
          check((await server.jsonRpc.execute(body, { signal })).body.toString())
        }),
        { numRuns: 1_500 },
      )
    })

    test('any JSON and any bytes are answered', async () => {
      const envelope = fc.record(
        {
          jsonrpc: fc.constantFrom('2.0', '1.0', 2),
          id: fc.jsonValue(),
          method: fc.oneof(fc.string(), fc.constantFrom(...METHODS)),
          params: fc.jsonValue(),
        },
        { requiredKeys: [] },
      )
      const body = fc.oneof(
        fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
        fc.jsonValue().map((json) => Buffer.from(JSON.stringify(json))),
        fc.array(envelope, { maxLength: 4 }).map((json) => Buffer.from(JSON.stringify(json))),
        envelope.map((json) => Buffer.from(JSON.stringify(json))),
      )
      await fc.assert(
        fc.asyncProperty(body, async (bytes) => {
          const text = (await server.jsonRpc.execute(bytes, { signal })).body.toString()
          if (text !== '') check(text)
        }),
        { numRuns: 1_000 },
      )
    })
  })
})
