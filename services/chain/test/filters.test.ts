import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { systemClock } from '@zerog/adapters'
import { createMetrics, silentLogger } from '@zerog/runtime'
import { createJsonRpc, type JsonRpc } from '../src/adapters/json-rpc/json-rpc.ts'
import { createTestChain, devOf, type TestChain } from './support/test-chain.ts'

// Real servers on a machine that may be busy.
jest.setTimeout(300_000)

/** Emits one log without topics: LOG0(0, 0). */
const EMITTER = '0x00000000000000000000000000000000000000ee'

describe('polling filters', () => {
  let chain: TestChain
  let jsonRpc: JsonRpc
  let nowMs: number
  beforeEach(async () => {
    nowMs = 0
    chain = await createTestChain()
    await devOf(chain).setCode(EMITTER, '0x5f5fa0')
    const clock = { ...systemClock, monotonicMs: () => nowMs }
    const limits = { filtersMax: 3, filterTtlMs: 1_000, filterHashesMax: 4, logsMax: 5 }
    jsonRpc = createJsonRpc({ limits }, { backend: chain, clock, logger: silentLogger, meter: createMetrics().meter() })
  })
  afterEach(async () => {
    jsonRpc.close()
    await chain.stop()
  })
  const call = async (method: string, ...params: unknown[]): Promise<any> => {
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
    const answer = await jsonRpc.execute(body, { signal: new AbortController().signal })
    const { result, error } = JSON.parse(answer.body.toString())
    return error ?? result
  }
  const emit = async (): Promise<string> => {
    const hash = await call('eth_sendTransaction', { from: chain.accounts[0], to: EMITTER })
    await until(() => chain.transaction(hash) !== undefined)
    return hash
  }

  test('a block filter gives each block once', async () => {
    const id = await call('eth_newBlockFilter')
    const blocks = [await chain.mine(), await chain.mine()]
    expect(await call('eth_getFilterChanges', id)).toEqual(blocks.map(({ hash }) => hash))
    expect(await call('eth_getFilterChanges', id)).toEqual([])
  })

  test('a log filter gives new logs once, and all of them on request', async () => {
    await emit()
    const id = await call('eth_newFilter', { address: EMITTER, fromBlock: 'earliest' })
    expect(await call('eth_getFilterChanges', id)).toEqual([])
    const hash = await emit()
    expect((await call('eth_getFilterChanges', id)).map((log: any) => log.transactionHash)).toEqual([hash])
    expect(await call('eth_getFilterLogs', id)).toHaveLength(2)
    const other = await call('eth_newFilter', { address: `0x${'00'.repeat(20)}` })
    await emit()
    expect(await call('eth_getFilterChanges', other)).toEqual([])
  })

  test('a pending filter keeps the newest, as many as it may', async () => {
    const id = await call('eth_newPendingTransactionFilter')
    const hashes: string[] = []
    for (let count = 0; count < 6; count++) hashes.push(await emit())
    expect(await call('eth_getFilterChanges', id)).toEqual(hashes.slice(2))
    expect(await call('eth_getFilterChanges', id)).toEqual([])
  })

  test('a filter that nobody asks for expires, one that is asked for lives', async () => {
    const kept = await call('eth_newBlockFilter')
    const forgotten = await call('eth_newBlockFilter')
    for (const at of [900, 1_800, 2_700]) {
      nowMs = at
      expect(await call('eth_getFilterChanges', kept)).toEqual([])
    }
    expect(await call('eth_getFilterChanges', forgotten)).toEqual({ code: -32000, message: 'filter not found' })
  })

  test('uninstalling works once', async () => {
    const id = await call('eth_newBlockFilter')
    expect(await call('eth_uninstallFilter', id)).toBe(true)
    expect(await call('eth_uninstallFilter', id)).toBe(false)
  })

  test('their number is bounded, and expired ones make room', async () => {
    for (let count = 0; count < 3; count++) await call('eth_newBlockFilter')
    expect(await call('eth_newBlockFilter')).toMatchObject({ code: -32005 })
    nowMs = 2_000
    expect(await call('eth_newBlockFilter')).toMatch(/^0x/)
  })

  test('heights that evm_revert makes happen again are seen again', async () => {
    const snapshot = await call('evm_snapshot')
    const id = await call('eth_newBlockFilter')
    const before = await chain.mine()
    expect(await call('eth_getFilterChanges', id)).toEqual([before.hash])
    expect(await call('evm_revert', snapshot)).toBe(true)
    await call('evm_increaseTime', 100)
    const after = await chain.mine()
    expect(after.hash).not.toBe(before.hash)
    expect(await call('eth_getFilterChanges', id)).toEqual([after.hash])
  })

  test('a query with more logs than allowed is refused, a range of the future too', async () => {
    for (let count = 0; count < 6; count++) await emit()
    expect(await call('eth_getLogs', { fromBlock: '0x0' })).toEqual({
      code: -32005,
      message: 'query returned more than 5 results',
    })
    expect(await call('eth_getLogs', { fromBlock: '0x1', toBlock: '0x3' })).toHaveLength(3)
    expect(await call('eth_getLogs', { fromBlock: '0x0', toBlock: '0xff' })).toMatchObject({ code: -32602 })
    expect(await call('eth_getLogs', { fromBlock: '0x3', toBlock: '0x2' })).toMatchObject({
      message: 'invalid block range params',
    })
    expect(await call('eth_getLogs', { blockHash: `0x${'12'.repeat(32)}` })).toEqual({ code: -32000, message: 'unknown block' })
  })
})

async function until(fact: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + 20_000
  while (!fact()) {
    if (Date.now() > deadlineMs) throw new Error('not true within 20 s')
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
