import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Hex } from '@zerog/primitives'
import { defineModule } from '@zerog/runtime'
import { type TestContext, testContext } from '@zerog/runtime/testing'
import OpenAI from 'openai'
import { memoryBrokerRepository } from '../../src/adapters/sql/broker-memory-repository.ts'
import { memoryRouterRepository } from '../../src/adapters/sql/router-memory-repository.ts'
import { startBrokerWith } from '../../src/adapters/start/broker.ts'
import { startRouterWith } from '../../src/adapters/start/router.ts'
import type { BrokerRepository } from '../../src/app/broker/repository.ts'
import type { RouterRepository } from '../../src/app/router/ports.ts'
import { computeBrokerConfig, computeRouterConfig } from '../../src/config.ts'
import { type BrokerInstallation, brokerInstallation, eventually } from './broker-installation.ts'
import { accountOf } from './chain.ts'

export const ADMIN = 'administrator-of-the-test'
export const KEY = `sk-zerog-${'k'.repeat(43)}`
export const ROUTER_ACCOUNT = 7
const PRICES = { prices: { 'mock-model': { inputPriceWei: '1000', outputPriceWei: '3000' } } }

/** Chain, mock worker, one or two brokers and a router in one process, over real HTTP and with real contracts. */
export type RouterInstallation = {
  readonly broker: BrokerInstallation
  readonly books: RouterRepository
  readonly brokerBooks: readonly { readonly provider: Hex; readonly repository: BrokerRepository }[]
  url(): string
  client(options?: Partial<ConstructorParameters<typeof OpenAI>[0]>): OpenAI
  createKey(fields?: object): Promise<{ readonly id: string; readonly key: string }>
  /** Kills the second broker at once. */
  killSecond(): Promise<void>
  restartRouter(): Promise<void>
  /** Resolves when router and brokers agree on every answer; throws where they never do. */
  agreed(): Promise<{ readonly cost: bigint; readonly count: number }>
  close(): Promise<void>
}

export async function routerInstallation(
  options: {
    readonly brokers?: 1 | 2
    readonly config?: Record<string, unknown>
    readonly brokerConfig?: Record<string, unknown>
  } = {},
): Promise<RouterInstallation> {
  const brokerConfig = { ...PRICES, ...options.brokerConfig }
  const broker = await brokerInstallation({ config: brokerConfig })
  const { world, chain } = broker
  const brokerBooks = [{ provider: broker.provider, repository: broker.repository }]
  let second: TestContext<unknown> | undefined
  // Its clients reach the second broker through a wire that can be cut like that of a process that dies.
  const wire = await cuttableWire()
  if (options.brokers === 2) {
    const repository = memoryBrokerRepository()
    const module = defineModule({
      target: 'compute-broker',
      dependsOn: [],
      config: computeBrokerConfig,
      start: (context) => startBrokerWith(context, async () => repository),
    })
    const config = {
      port: wire.port,
      publicUrl: wire.url,
      signerKey: `0x${'6f'.repeat(32)}`,
      workerRefreshMs: 50,
      ...brokerConfig,
    }
    second = await testContext({ module, world, config, instance: 1, ports: { chain: async () => chain.client } })
    await second.start()
    brokerBooks.push({ provider: accountOf(8).address.toLowerCase() as Hex, repository })
  }
  const books = memoryRouterRepository()
  const module = defineModule({
    target: 'compute-router',
    dependsOn: [],
    config: computeRouterConfig,
    start: (context) => startRouterWith(context, async () => books),
  })
  let router: TestContext<unknown> | undefined
  let url = ''
  const startRouter = async () => {
    const config = { port: 0, adminToken: ADMIN, developmentKey: KEY, refreshMs: 100, keyTtlMs: 0, ...options.config }
    router = await testContext({ module, world, config, ports: { chain: async () => chain.client } })
    const { faces } = await router.start()
    url = faces?.routerUrl ?? ''
  }
  await startRouter()
  const client: RouterInstallation['client'] = (more = {}) =>
    new OpenAI({ baseURL: `${url}/v1`, apiKey: KEY, maxRetries: 0, ...more })
  await eventually(async () => {
    const { data } = (await (await fetch(`${url}/v1/zerog/providers`, auth(KEY))).json()) as { data: { models: string[] }[] }
    return data.filter(({ models }) => models.includes('mock-model')).length === (options.brokers ?? 1)
  })
  // The first request needs a funded account; the router sees to it.
  for (const { provider } of brokerBooks) await eventually(() => funded(broker, provider))

  return {
    broker,
    books,
    brokerBooks,
    url: () => url,
    client,
    async createKey(fields = {}) {
      const response = await fetch(`${url}/v1/zerog/keys`, { method: 'POST', ...auth(ADMIN), body: JSON.stringify(fields) })
      if (response.status !== 201) throw new Error(await response.text())
      return response.json() as Promise<{ id: string; key: string }>
    },
    killSecond: () => wire.cut(),
    async restartRouter() {
      await router?.close()
      await startRouter()
    },
    async agreed() {
      return eventually(async () => {
        const totals = await books.totals()
        if (totals.some(({ state }) => state === 'open' || state === 'signed')) return undefined
        const acked = totals.filter(({ state }) => state === 'acked')
        const mine = { cost: sum(acked.map(({ cost }) => cost)), count: acked.reduce((all, { count }) => all + count, 0) }
        const spends = (await books.spends({ keyId: undefined, limit: 10_000 })).filter(({ state }) => state === 'acked')
        for (const { answerId, provider, cost } of spends) {
          const stored = await brokerBooks.find((one) => one.provider === provider)?.repository.receipt(answerId)
          if (stored === undefined || stored.receipt.fee !== cost) return undefined
          if (stored.state !== 'billable' && stored.state !== 'batched') return undefined
        }
        return mine
      })
    },
    async close() {
      await router?.close()
      await wire.cut()
      await second?.close()
      await broker.close()
    },
  }
}

async function cuttableWire() {
  const sockets = new Set<Socket>()
  const probe = createServer()
  const port = await new Promise<number>((resolve) => probe.listen(0, '127.0.0.1', () => resolve(portOf(probe))))
  await new Promise((resolve) => probe.close(resolve))
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      socket.on('error', () => {})
    }
    near.pipe(far).pipe(near)
    near.once('close', () => far.destroy())
    far.once('close', () => near.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    /** Where the broker behind it listens: free a moment ago. */
    port,
    async cut() {
      server.close()
      for (const socket of sockets) socket.resetAndDestroy()
    },
  }
}

function portOf(server: Server): number {
  return (server.address() as { port: number }).port // listens on TCP
}

export const auth = (key: string) => ({ headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' } })

async function funded({ chain }: BrokerInstallation, provider: Hex): Promise<boolean> {
  const { encodeFunctionData } = await import('viem')
  const { AT, inferenceServingAbi } = await import('./chain.ts')
  const args = [accountOf(ROUTER_ACCOUNT).address, provider] as const
  const data = encodeFunctionData({ abi: inferenceServingAbi, functionName: 'getAccount', args })
  return chain.client.call({ to: AT.inferenceServing, data }).then(
    () => true,
    () => false,
  )
}

function sum(values: readonly bigint[]): bigint {
  return values.reduce((all, value) => all + value, 0n)
}
