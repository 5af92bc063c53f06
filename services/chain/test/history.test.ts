import { expect, test } from '@jest/globals'
import { memoryKv } from '@zerog/adapters'
import { rpcConfig } from '../src/config.ts'
import { rebuildChain, verifyStoredChain } from '../src/module.ts'
import { createChainBackend } from './support/create-chain-backend.ts'
import { startRpcServer } from './support/rpc-server.ts'
import { account, included, transfer } from './support.ts'

const WINDOW = 5

test('calls, proofs and traces work within the window, what is older is refused in words, and the rest stays whole', async () => {
  const kv = memoryKv()
  const chain = await createChainBackend({ kv, history: WINDOW })
  const server = await startRpcServer(chain.backend)
  const ask = server.request
  const height = (value: number): string => `0x${value.toString(16)}`
  for (let nonce = 0; nonce < 12; nonce++) {
    await included(chain.backend, await chain.backend.submit(await transfer(0, nonce)))
  }
  const { address } = account(0)
  for (let at = 0; at <= 12; at++) {
    const count = await ask('eth_getTransactionCount', [address, height(at)])
    const proof = await ask('eth_getProof', [address, [], height(at)])
    const call = await ask('eth_call', [{ from: address, to: address }, height(at)])
    if (at >= 12 - WINDOW) {
      expect(count).toMatchObject({ result: height(at) })
      expect(proof).toMatchObject({ result: { nonce: height(at) } })
      expect(call).toMatchObject({ result: '0x' })
    } else {
      for (const refused of [count, proof, call]) {
        expect(refused).toMatchObject({
          error: { code: -32000, message: expect.stringMatching(/^historical state 0x\w{64} is not available/) },
        })
      }
    }
  }
  expect(await ask('debug_traceBlockByNumber', [height(12 - WINDOW + 1)])).toHaveProperty('result')
  expect(await ask('debug_traceBlockByNumber', [height(3)])).toHaveProperty('error.code', -32000)
  // Blocks and receipts are never forgotten.
  expect(await ask('eth_getBlockReceipts', [height(3)])).toHaveProperty('result.0.status', '0x1')
  expect(server.failures).toEqual([])
  await server.close()
  await chain.stop()

  const stored = { kv, chainId: 31337n, config: rpcConfig.parse({ chainOnly: true }) }
  expect(await verifyStoredChain(stored, { deep: true })).toMatchObject({ problems: [] })
  await rebuildChain(stored)
  expect(await verifyStoredChain(stored, { deep: true })).toMatchObject({ problems: [] })
  const again = await createChainBackend({ kv, history: WINDOW })
  expect((await again.backend.executor.account(again.backend.head().header.stateRoot, address))?.nonce).toBe(12n)
  await again.stop()
})
