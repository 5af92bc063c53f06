import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { type RpcServer, startRpcServer } from './support/rpc-server.ts'
import { createTestChain, devOf, type TestChain } from './support/test-chain.ts'

// Real servers on a machine that may be busy.
jest.setTimeout(300_000)

type Hex = `0x${string}`

const word = (value: bigint | number): string => value.toString(16).padStart(64, '0')
const at = (last: string): Hex => `0x${last.padStart(40, '0')}`

/** Calls itself nine levels deep, and writes there: at each level a 64th of the gas is kept back. */
const DEEP = at('dee9')
const FAIR = at('fa17')
const REVERTS = at('4e4e')
const PANICS = at('9a9a')
const INVALID = at('feed')
const LOOPS = at('1009')
const REFUNDS = at('4ef0')

describe('calls and estimates', () => {
  let chain: TestChain
  let server: RpcServer
  beforeAll(async () => {
    chain = await createTestChain()
    server = await startRpcServer(chain)
    const dev = devOf(chain)
    // calldatasize == 8 ? SSTORE(1, 1) : require(CALL(GAS, ADDRESS, 0, 0, calldatasize + 1, 0, 0))
    await dev.setCode(DEEP, '0x366008146017575f5f600136015f5f305af115601d57005b60018055005b5f5ffd')
    // Sends 1 wei with CALL and no gas of its own: the callee lives on the stipend.
    await dev.setCode(FAIR, '0x5f5f5f5f600161beef5ff11560115700005b5ffd')
    const reason = Buffer.from('no').toString('hex').padEnd(64, '0')
    await dev.setCode(REVERTS, copyAndRevert(`08c379a0${word(32)}${word(2)}${reason}`))
    await dev.setCode(PANICS, copyAndRevert(`4e487b71${word(0x12)}`))
    await dev.setCode(INVALID, '0xfe')
    await dev.setCode(LOOPS, '0x5b5f56')
    // Clears slot 0, which was set: half of what it uses is refunded, and the limit must cover it before.
    await dev.setCode(REFUNDS, '0x5f5f5500')
    await dev.setStorageAt(REFUNDS, `0x${word(0)}`, `0x${word(7)}`)
  })
  afterAll(async () => {
    await server.close()
    await chain.stop()
    expect(server.failures).toEqual([])
  })
  const from = (): Hex => chain.accounts[0] as Hex
  const estimate = async (request: object, ...rest: unknown[]): Promise<any> => {
    const { result, error } = await server.request('eth_estimateGas', [{ from: from(), ...request }, ...rest])
    return error ?? BigInt(result)
  }
  /** Whether the transaction succeeds in a block with this limit. */
  const succeeds = async (request: object, gas: bigint): Promise<boolean> => {
    const { error } = await server.request('eth_call', [{ from: from(), ...request, gas: `0x${gas.toString(16)}` }])
    return error === undefined
  }

  test.each([
    ['a contract that calls itself, a 64th kept back each time', DEEP, {}],
    ['a contract that pays on the stipend', FAIR, { value: '0x1' }],
    ['a contract whose refund comes after it needed the gas', REFUNDS, {}],
  ])('%s gets an estimate that suffices and is at most 2 %% above what it needs', async (_name, to, extra) => {
    const request = { to, ...extra }
    const gas = await estimate(request)
    expect(typeof gas).toBe('bigint')
    expect(await succeeds(request, gas)).toBe(true)
    let [low, high] = [21_000n, gas as bigint]
    while (low + 1n < high) {
      const middle = (low + high) / 2n
      if (await succeeds(request, middle)) high = middle
      else low = middle
    }
    expect(Number(gas)).toBeLessThanOrEqual(Number(high) * 1.02)
  })

  test('a plain transfer needs 21,000, also of an account that gives no fee', async () => {
    expect(await estimate({ to: at('77'), value: '0x1' })).toBe(21_000n)
    expect(await estimate({ from: at('88'), to: at('77') })).toBe(21_000n)
  })

  test('what fails with all gas is refused with its own error', async () => {
    expect(await estimate({ to: REVERTS })).toEqual({
      code: 3,
      message: 'execution reverted: no',
      data: `0x08c379a0${word(32)}${word(2)}${Buffer.from('no').toString('hex').padEnd(64, '0')}`,
    })
    expect(await estimate({ to: PANICS })).toMatchObject({ code: 3, message: 'execution reverted: division or modulo by zero' })
    expect(await estimate({ to: INVALID })).toMatchObject({ code: -32000, message: 'invalid opcode: INVALID' })
    expect(await estimate({ to: REFUNDS, gas: '0x5300' })).toEqual({
      code: -32000,
      message: 'gas required exceeds allowance (21248)',
    })
  })

  test('a sender that cannot pay is told so in geth’s words', async () => {
    const poor = at('900a')
    expect(await estimate({ from: poor, to: at('77'), value: '0x1', gasPrice: '0x3b9aca00' })).toEqual({
      code: -32000,
      message: 'insufficient funds for transfer',
    })
    const { error } = await server.request('eth_call', [{ from: poor, to: at('77'), value: '0x5', gas: '0x5208' }])
    expect(error).toMatchObject({ code: -32000 })
    expect(error.message).toMatch(
      /^err: insufficient funds for gas \* price \+ value: address 0x.{40} have 0 want 5 \(supplied gas 21000\)$/,
    )
  })

  test('eth_call: reverts carry data, other failures their text, too little gas what is wanted', async () => {
    const call = async (request: object) => (await server.request('eth_call', [request])).error
    expect(await call({ to: REVERTS })).toMatchObject({ code: 3, message: 'execution reverted: no' })
    expect(await call({ to: INVALID })).toEqual({ code: -32000, message: 'invalid opcode: INVALID' })
    expect(await call({ to: LOOPS, gas: '0x186a0' })).toEqual({ code: -32000, message: 'out of gas' })
    expect(await call({ to: REVERTS, gas: '0x1' })).toEqual({
      code: -32000,
      message: 'err: intrinsic gas too low: have 1, want 21000 (supplied gas 1)',
    })
  })

  test('blocks are named by tag, number, hash and EIP-1898 objects alike; unknown ones are not found', async () => {
    const head = await chain.mine()
    const height = `0x${head.header.height.toString(16)}`
    const names = [
      'latest',
      'safe',
      'finalized',
      'pending',
      height,
      head.hash,
      { blockNumber: height },
      { blockHash: head.hash, requireCanonical: true },
    ]
    const balances = await Promise.all(names.map((name) => server.request('eth_getBalance', [from(), name])))
    expect(new Set(balances.map(({ result }) => result)).size).toBe(1)
    const missing = async (name: unknown) => (await server.request('eth_getBalance', [from(), name])).error
    expect(await missing('0xffffff')).toEqual({ code: -32000, message: 'header not found' })
    expect(await missing(`0x${word(5)}`)).toEqual({ code: -32000, message: 'header for hash not found' })
  })

  test('historic state stays readable', async () => {
    const before = chain.head().header.height
    const sent = await server.request('eth_sendTransaction', [{ from: from(), to: at('5e'), value: '0x5' }])
    const raw = sent.result as Hex
    const deadlineMs = Date.now() + 20_000
    while (chain.transaction(raw) === undefined && Date.now() < deadlineMs) await new Promise((resolve) => setTimeout(resolve, 5))
    const balance = async (height: bigint) =>
      (await server.request('eth_getBalance', [at('5e'), `0x${height.toString(16)}`])).result
    expect(await balance(before)).toBe('0x0')
    expect(await balance(chain.head().header.height)).toBe('0x5')
  })

  test('an access list makes the call cheaper and is complete', async () => {
    const { result } = await server.request('eth_createAccessList', [{ from: from(), to: REFUNDS }])
    expect(result.accessList).toEqual([{ address: REFUNDS, storageKeys: [`0x${word(0)}`] }])
    const failing = await server.request('eth_createAccessList', [{ from: from(), to: REVERTS }])
    expect(failing.result.error).toBe('execution reverted')
  })

  test('callTracer shows the calls inside a call', async () => {
    const { result } = await server.request('debug_traceCall', [
      { from: from(), to: DEEP, gas: '0xf4240' },
      'latest',
      { tracer: 'callTracer' },
    ])
    let depth = 0
    for (let frame = result; frame !== undefined; frame = frame.calls?.[0]) depth++
    expect(depth).toBe(9)
    const unknown = await server.request('debug_traceCall', [{ to: DEEP }, 'latest', { tracer: '{step: function() {}}' }])
    expect(unknown.error.message).toContain('tracer not found')
  })
})

/** Code that reverts with these bytes. */
function copyAndRevert(data: string): Hex {
  const length = (data.length / 2).toString(16).padStart(2, '0')
  return `0x60${length}600c5f3960${length}5ffd00${'00'}${data}` as Hex
}
