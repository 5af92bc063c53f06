import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { systemClock } from '@zerog/adapters'
import { developmentAccounts } from '@zerog/contracts'
import { createMetrics, silentLogger } from '@zerog/runtime'
import type { Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { createChainBackend } from '../../../test/support/create-chain-backend.ts'
import { createJsonRpc } from './json-rpc.ts'

let chain: Awaited<ReturnType<typeof createChainBackend>>
beforeEach(async () => {
  chain = await createChainBackend()
})
afterEach(() => chain.stop())

const account = privateKeyToAccount(developmentAccounts()[1]?.privateKey as Hex)
const signed = (nonce: number) =>
  account.signTransaction({ chainId: 31337, nonce, to: account.address, gas: 21_000n, gasPrice: 2_000_000_000n, type: 'legacy' })

function rpc(sendWaitMs: number) {
  const meter = createMetrics().meter({ target: 'test', replica: '0' })
  const face = createJsonRpc(
    { limits: { sendWaitMs } },
    { backend: chain.backend, clock: systemClock, logger: silentLogger, meter },
  )
  return async (body: unknown) => {
    const answer = await face.execute(Buffer.from(JSON.stringify(body)), { signal: AbortSignal.timeout(20_000) })
    return { height: answer.height, json: JSON.parse(answer.body.toString()) }
  }
}
const call = (id: number, raw: Hex) => ({ jsonrpc: '2.0', id, method: 'eth_sendRawTransaction', params: [raw] })

test('when the answer to a sent transaction arrives, its receipt is there and the height says so', async () => {
  const ask = rpc(10_000)
  const { height, json } = await ask(call(1, await signed(0)))
  expect(height).toBe(1n)
  expect(chain.backend.transaction(json.result)?.receipt.status).toBe(1)
})

test('a batch waits once, for its last transaction', async () => {
  const ask = rpc(10_000)
  const { json } = await ask([call(1, await signed(0)), call(2, await signed(1)), call(3, await signed(2))])
  expect(json.map(({ result }: { result: Hex }) => chain.backend.transaction(result)?.receipt.status)).toEqual([1, 1, 1])
})

test('a transaction that cannot be executed yet is answered when the wait is over', async () => {
  const ask = rpc(30)
  const { height, json } = await ask(call(1, await signed(7)))
  expect({ height, known: (await chain.backend.pooled(json.result)) !== undefined }).toEqual({ height: 0n, known: true })
})
