import { addresses } from '@zerog/contracts'
import type { Hex } from '@zerog/primitives'
import { defineModule, type ModuleContext } from '@zerog/runtime'
import { serveStorageNode } from './adapters/grpc/node/serve.ts'
import { rpcNodeConnector } from './adapters/grpc/node-connector.ts'
import { serveStorage } from './adapters/grpc/storage/serve.ts'
import { openHashing } from './adapters/hashing.ts'
import { nodeSeed } from './adapters/identity/node-seed.ts'
import { receiptSigner, verifyReceipt } from './adapters/identity/receipt-signer.ts'
import { sqlRepository } from './adapters/sql/repository.ts'
import { runLoop } from './app/gateway/loop.ts'
import { createStorageGateway, type StorageGateway } from './app/gateway/storage-gateway.ts'
import { createStorageNode } from './app/node/storage-node.ts'
import type { StorageRepository } from './app/repository.ts'
import { type StorageGatewayConfig, storageGatewayConfig, storageNodeConfig } from './config.ts'

/** Keeps segments on its own disk and signs for them. */
export const storageNodeModule = defineModule({
  target: 'storage-node',
  dependsOn: [],
  config: storageNodeConfig,
  async start(context) {
    const { config, clock, logger, meter, rpc } = context
    const blobs = await context.blobs('segments')
    const kv = await context.kv('promises')
    const signer = receiptSigner(await nodeSeed(context))
    const hashing = openHashing()
    const options = { chainId: context.network.chainId, capacityBytes: config.capacityBytes }
    const node = createStorageNode(options, { blobs, kv, clock, logger, signer, check: hashing.check })
    serveStorageNode(rpc, node)
    const damagedFound = meter.counter({
      name: 'zerog_storage_scrub_damaged_total',
      help: 'Segments that a scrub found damaged or missing.',
    })
    meter.gauge({
      name: 'zerog_storage_node_used_bytes',
      help: 'Bytes of stored segments.',
      read: () => node.stats().usedBytes,
    })
    meter.gauge({
      name: 'zerog_storage_node_capacity_bytes',
      help: 'Bytes that this node offers.',
      read: () => config.capacityBytes,
    })
    meter.gauge({
      name: 'zerog_storage_node_damaged_count',
      help: 'Segments that wait for repair.',
      read: () => node.stats().damagedCount,
    })
    const stopping = new AbortController()
    const scrub = {
      name: 'storage_scrub',
      intervalMs: config.scrubIntervalMs,
      run: async (signal: AbortSignal) => damagedFound.add(await node.scrub(signal)),
    }
    const scrubbing = clock
      .sleep(Math.min(config.scrubIntervalMs, 60_000), stopping.signal)
      .then(() => runLoop(scrub, { clock, logger, signal: stopping.signal }))
      .catch(() => {})
    return {
      health() {
        const { usedBytes, damagedCount } = node.stats()
        const hasRoom = usedBytes < config.capacityBytes
        return {
          // A full or damaged node still serves reads.
          ready: true,
          checks: [
            { name: 'room', ok: hasRoom, detail: `${usedBytes} of ${config.capacityBytes} bytes used` },
            { name: 'damage', ok: damagedCount === 0, detail: `${damagedCount} segments wait for repair` },
          ],
        }
      },
      async stop() {
        stopping.abort()
        await scrubbing
        await hashing.close()
      },
    }
  },
})

/** Blocks that the follower may be behind before the gateway calls itself late. */
const LAG_BLOCKS_MAX = 50n

type Context = ModuleContext<StorageGatewayConfig>

/** Follows the flow contract and spreads files over storage nodes. */
export const storageGatewayModule = defineStorageGateway(async (context) => sqlRepository(await context.sql()))

/** The same with another repository, for tests and simulation. */
export function defineStorageGateway(openRepository: (context: Context) => Promise<StorageRepository>) {
  return defineModule({
    target: 'storage-gateway',
    dependsOn: ['storage-node', 'chain-validator'],
    config: storageGatewayConfig,
    start: (context) => start(context, openRepository),
  })
}

async function start(context: Context, openRepository: (context: Context) => Promise<StorageRepository>) {
  const { config, clock, logger, meter, network } = context
  // `as`: the schema checked its form.
  const flowAddress =
    (config.flowAddress?.toLowerCase() as Hex | undefined) ?? addresses({ chainId: BigInt(network.chainId) }).flow
  const chain = await context.chain()
  const hashing = openHashing()
  const holder = `${context.target}-${context.instance}-${context.random.uuid()}`
  const gateway = createStorageGateway(
    { ...config, flowAddress, chainId: network.chainId, holder },
    {
      repository: await openRepository(context),
      chain,
      connector: rpcNodeConnector(context.rpc),
      bus: await context.bus(),
      leases: await context.leases(),
      clock,
      logger,
      meter,
      hasher: hashing.hasher,
      check: hashing.check,
      verifyReceipt,
    },
  )
  serveStorage(context.rpc, gateway, { chainId: network.chainId, flowAddress })
  const stopping = new AbortController()
  const running = gateway.run(stopping.signal).catch((error) => {
    if (!stopping.signal.aborted) context.fatal(error)
  })
  meter.gauge({
    name: 'zerog_storage_log_sync_height_blocks',
    help: 'Last finalized block that was searched for submissions.',
    read: () => Number(gateway.position()?.height ?? -1n),
  })
  return {
    health: () => health(gateway, chain),
    drain: () => gateway.idle(),
    async stop() {
      stopping.abort()
      await running
      await gateway.idle()
      await hashing.close()
    },
  }
}

async function health(gateway: StorageGateway, chain: { head(): Promise<{ height: bigint }> }) {
  const { nodes } = await gateway.status()
  const reachable = nodes.filter((node) => node.reachable).length
  const head = await chain.head().then(
    ({ height }) => height,
    () => undefined,
  )
  const lag = head === undefined ? undefined : head - (gateway.position()?.height ?? -1n)
  const follows = lag !== undefined && lag <= LAG_BLOCKS_MAX
  return {
    ready: reachable > 0 && follows,
    checks: [
      { name: 'storage nodes', ok: reachable > 0, detail: `${reachable} of ${nodes.length} reachable` },
      { name: 'chain', ok: follows, detail: lag === undefined ? 'the chain does not answer' : `${lag} blocks behind` },
    ],
  }
}
