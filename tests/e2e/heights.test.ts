import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { chainRpcModule, chainValidatorModule } from '@zerog/chain'
import { developmentAccounts } from '@zerog/contracts'
import { gatewayModule } from '@zerog/gateway'
import { createLogging, type Running, run } from '@zerog/runtime'
import { createZerogClient, gatewayEndpoints, type ZerogClient } from '@zerog/sdk'
import { type Hex, publicActions } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

jest.setTimeout(180_000)

const READS = 10_000
const READERS = 16
let folder: string
let running: Running
let client: ZerogClient

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zerog-heights-'))
  const chain = { dataDir: folder }
  running = await run({
    modules: [chainValidatorModule, chainRpcModule, gatewayModule],
    targets: [
      { target: 'chain-validator', overrides: { ...chain, blockTimeMs: 50 } },
      { target: 'chain-rpc', instance: 0, overrides: chain },
      { target: 'chain-rpc', instance: 1, overrides: { ...chain, delayMs: 5_000 } },
      { target: 'chain-rpc', instance: 2, overrides: chain },
      { target: 'gateway', overrides: { ...chain, port: 0 } },
    ],
    shape: 'embedded',
    env: {},
    handleProcess: false,
    logging: createLogging({ sink: { write: () => {} } }),
  })
  const gatewayUrl = running.services.find(({ target }) => target === 'gateway')?.faces.gatewayUrl ?? ''
  const account = privateKeyToAccount(developmentAccounts()[1]?.privateKey as Hex)
  client = createZerogClient({ endpoints: gatewayEndpoints(gatewayUrl), account })
})
afterAll(async () => {
  await running?.stop()
  await rm(folder, { recursive: true, force: true })
})

test(`${READS} mixed reads over three replicas, one 5 s late, while blocks are made: no height ever decreases`, async () => {
  const address = privateKeyToAccount(developmentAccounts()[1]?.privateKey as Hex).address
  const chain = client.viem.extend(publicActions)
  let highest = 0n
  let reads = 0
  const decreases: string[] = []
  const see = (height: bigint, startedAt: bigint, what: string): void => {
    // What was shown before the request began must be visible in its answer; requests that overlap are free among themselves.
    if (height < startedAt) decreases.push(`${what}: ${height} after ${startedAt}`)
    if (height > highest) highest = height
  }
  let nonceSeen = 0
  const kinds = [
    async (from: bigint) => see(await chain.getBlockNumber(), from, 'eth_blockNumber'),
    async (from: bigint) => see((await chain.getBlock()).number, from, 'eth_getBlockByNumber'),
    async (from: bigint) => {
      const [block, fees] = await Promise.all([
        chain.getBlock({ blockTag: 'finalized' }),
        chain.getFeeHistory({ blockCount: 1, rewardPercentiles: [] }),
      ])
      see(block.number, from, 'finalized')
      see(fees.oldestBlock, from, 'eth_feeHistory')
    },
    async (from: bigint) => {
      const before = nonceSeen
      const nonce = await chain.getTransactionCount({ address })
      if (nonce < before) decreases.push(`nonce: ${nonce} after ${before}`)
      nonceSeen = Math.max(nonceSeen, nonce)
      see(await chain.getBlockNumber(), from, 'after the nonce')
    },
  ]
  const sender = (async () => {
    while (reads < READS) {
      const { hash } = await client.chain.send({ to: address, value: 1n, gas: 21_000n })
      // A receipt is readable as soon as its block is announced, whichever replica answers.
      const receipt = await client.chain.waitForReceipt({ hash })
      see(receipt.blockNumber, 0n, 'receipt')
    }
  })()
  const reader = async (): Promise<void> => {
    while (reads < READS) await kinds[reads++ % kinds.length]?.(highest)
  }
  await Promise.all([sender, ...Array.from({ length: READERS }, reader)])
  expect(decreases).toEqual([])
  expect(highest).toBeGreaterThan(20n)
})
