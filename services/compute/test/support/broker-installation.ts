import { receiptDomain } from '@zerog/evidence'
import { type Hex, keccak256, toHex } from '@zerog/primitives'
import { defineModule } from '@zerog/runtime'
import { type TestContext, type TestWorld, testContext, testWorld } from '@zerog/runtime/testing'
import { memoryBrokerRepository } from '../../src/adapters/sql/broker-memory-repository.ts'
import { startBrokerWith } from '../../src/adapters/start/broker.ts'
import type { BrokerRepository } from '../../src/app/broker/repository.ts'
import { computeBrokerConfig } from '../../src/config.ts'
import { acknowledgementDigest, acknowledgementsDigest } from '../../src/core/receipts/acknowledgement.ts'
import { AT, accountOf, CHAIN_ID, type DevnetChain, devnetChain } from './chain.ts'
import { type MockBehaviour, mockBehaviour, mockWorkerModule } from './mock-worker.ts'

/** Chain, mock worker and broker in one process; the broker may be started again on the same repository. */
export type BrokerInstallation = {
  readonly world: TestWorld
  readonly chain: DevnetChain
  readonly worker: MockBehaviour
  readonly repository: BrokerRepository
  readonly provider: Hex
  url(): string
  restart(config?: Record<string, unknown>): Promise<void>
  /** Stops without drain: what runs is torn off. */
  kill(): Promise<void>
  close(): Promise<void>
}

/** The provider's development account: the last of the ten. */
export const PROVIDER_ACCOUNT = 9
export const DOMAIN = receiptDomain({ chainId: BigInt(CHAIN_ID), receiptAnchor: AT.receiptAnchor })

export async function brokerInstallation(
  options: { readonly config?: Record<string, unknown>; readonly repository?: BrokerRepository } = {},
): Promise<BrokerInstallation> {
  const world = testWorld()
  const chain = await devnetChain(world)
  const worker = mockBehaviour()
  const mock = await testContext({ module: mockWorkerModule(worker), world })
  await mock.start()
  const repository = options.repository ?? memoryBrokerRepository()
  const module = defineModule({
    target: 'compute-broker',
    dependsOn: [],
    config: computeBrokerConfig,
    start: (context) => startBrokerWith(context, async () => repository),
  })
  let config: Record<string, unknown> = {
    port: 0,
    signerKey: `0x${'5e'.repeat(32)}`,
    settleAfterMs: 100,
    settleIntervalMs: 20,
    settleRetryMs: 500,
    leaseTtlMs: 1000,
    workerRefreshMs: 50,
    ...options.config,
  }
  let broker: TestContext<unknown> | undefined
  let url = ''
  const start = async () => {
    broker = await testContext({ module, world, config, ports: { chain: async () => chain.client } })
    const { faces } = await broker.start()
    url = faces?.brokerUrl ?? ''
  }
  await start()
  return {
    world,
    chain,
    worker,
    repository,
    provider: accountOf(PROVIDER_ACCOUNT).address.toLowerCase() as Hex,
    url: () => url,
    async restart(more = {}) {
      await broker?.close()
      config = { ...config, ...more }
      await start()
    },
    async kill() {
      await broker?.close()
      broker = undefined
    },
    async close() {
      await broker?.close()
      await mock.close()
      await chain.close()
    },
  }
}

/** A session token as 0G's SDK makes it. */
export async function bearer(
  user: number,
  provider: Hex,
  claims: Partial<Record<'timestamp' | 'expiresAt' | 'generation' | 'tokenId', number>> & { readonly signer?: number } = {},
): Promise<string> {
  const { signer = user, ...rest } = claims
  const rawMessage = JSON.stringify({
    address: accountOf(user).address,
    provider,
    timestamp: Date.now(),
    expiresAt: Date.now() + 3_600_000,
    nonce: `${Date.now()}-x|y`,
    generation: 0,
    tokenId: 255,
    ...rest,
  })
  const digest = keccak256(new TextEncoder().encode(rawMessage))
  const signature = await accountOf(signer).signMessage({ message: { raw: toHex(digest) } })
  return `Bearer app-sk-${Buffer.from(`${rawMessage}|${signature}`).toString('base64')}`
}

export async function acknowledgement(user: number, receiptHash: Hex): Promise<Hex> {
  return accountOf(user).sign({ hash: acknowledgementDigest(receiptHash, DOMAIN) })
}

export async function acknowledgementOfMany(user: number, receiptHashes: readonly Hex[]): Promise<Hex> {
  return accountOf(user).sign({ hash: acknowledgementsDigest(receiptHashes, DOMAIN) })
}

/** Asks until it is so; fails after the time. */
export async function eventually<Result>(ask: () => Promise<Result | undefined | false>, timeoutMs = 20_000): Promise<Result> {
  const untilMs = performance.now() + timeoutMs
  for (;;) {
    const result = await ask()
    if (result !== undefined && result !== false) return result
    if (performance.now() > untilMs) throw new Error(`not so within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
