import { ZerogError } from '@zerog/primitives'
import { defineModule, type ModuleContext, type ServiceModule } from '@zerog/runtime'
import { countBuffersWithHeap } from './adapters/buffer-limits.ts'
import { chainCommittees } from './adapters/committees/chain.ts'
import { httpChain } from './adapters/committees/http-chain.ts'
import { diskRoom } from './adapters/disk-room.ts'
import { dialerOf } from './adapters/foreign/dialer.ts'
import { type Door, openDoor } from './adapters/foreign/door.ts'
import { serveNode } from './adapters/grpc/node/serve.ts'
import { serveRetriever } from './adapters/grpc/retriever/serve.ts'
import { rpcSourceConnector } from './adapters/grpc/source-connector.ts'
import { nodeKey } from './adapters/identity/node-key.ts'
import { blsWindowSigner } from './adapters/identity/window-signer.ts'
import { openRowPool, type RowPool } from './adapters/row-work/row-pool.ts'
import { incrementalSha256 } from './adapters/sha256.ts'
import { sqlDisperserRepository } from './adapters/sql/repository.ts'
import { type DisperserParts, startDisperser } from './adapters/start/disperser.ts'
import { startEncoder } from './adapters/start/encoder.ts'
import { encodePool } from './adapters/worker/encode-pool.ts'
import type { Committees } from './app/committees.ts'
import { runLoop } from './app/loop.ts'
import { addressOf, createDaNode, type DaNode } from './app/node/da-node.ts'
import { repairAll } from './app/node/repair.ts'
import type { WindowSigner } from './app/node/window-signer.ts'
import { createRetriever } from './app/retriever/retriever.ts'
import {
  type DaDisperserConfig,
  type DaNodeConfig,
  daDisperserConfig,
  daEncoderConfig,
  daNodeConfig,
  daRetrieverConfig,
} from './config.ts'
import { DOOR_CLOSE_MS, MEMBER_EPOCH_TTL_MS } from './limits.ts'

type AnyContext = Pick<ModuleContext<unknown>, 'chain' | 'clock'>

/** How a target finds committees: off the chain, unless a test or bench knows better. */
type OpenCommittees = (context: AnyContext) => Promise<Committees>

const fromChain: OpenCommittees = async ({ chain, clock }) => chainCommittees({ chain: await chain(), clock })

/** Room for the largest bundle, when a node refills one. */
const REPAIR_BYTES_MAX = 640 * 1024 * 1024

/** A member of DA committees: keeps rows and signs for them. */
export const daNodeModule = defineDaNode(async ({ chain, clock, config: { chainRpcUrl: url }, network }) => {
  const reader = url === null ? await chain() : httpChain({ url, chainId: BigInt(network.chainId) })
  return chainCommittees({ chain: reader, clock, epochTtlMs: MEMBER_EPOCH_TTL_MS })
})

export function defineDaNode(openCommittees: (context: ModuleContext<DaNodeConfig>) => Promise<Committees>) {
  return defineModule({
    target: 'da-node',
    dependsOn: ['chain-validator'],
    config: daNodeConfig,
    start: async (context) => startNode(context, await openCommittees(context)),
  })
}

async function startNode(context: ModuleContext<DaNodeConfig>, committees: Committees) {
  const { config, clock, logger, meter, rpc, random, network } = context
  countBuffersWithHeap()
  const signer = blsWindowSigner(await nodeKey({ ...context, ...config, development: network.development }))
  const pool = openRowPool()
  const options = { ...config, chainId: BigInt(network.chainId) }
  const node = await createDaNode(options, {
    blobs: await context.blobs('rows'),
    kv: await context.kv('promises'),
    clock,
    logger,
    meter,
    committees,
    checker: pool,
    signer,
    diskFreeBytes: diskRoom(context.dataDir),
    traces: context.traces,
  })
  const accountOf = () => addressOf(signer.key, committees)
  serveNode(rpc, node, accountOf)
  const door = await doorOf(context, { node, signer, accountOf })
  const retriever = createRetriever(
    { hedgeMsMin: 100, hedgeMsMax: 5000 },
    { ...readerDeps(context, pool), committees, connect: rpcSourceConnector(dialerOf(context)), random },
  )
  const coder = encodePool({ threads: 1, memoryBytesMax: REPAIR_BYTES_MAX })
  const stopping = new AbortController()
  const jobs = [
    { name: 'da_prune', intervalMs: config.pruneIntervalMs, run: () => node.prune() },
    {
      name: 'da_scrub',
      firstMs: Math.min(config.scrubIntervalMs, 60_000),
      intervalMs: config.scrubIntervalMs,
      run: (signal: AbortSignal) => node.scrub(signal),
    },
    {
      name: 'da_repair',
      intervalMs: config.repairIntervalMs,
      run: (signal: AbortSignal) => repairAll({ node, retriever, coder, meter, logger }, signal),
    },
  ].map((job) => runLoop(job, { clock, logger, signal: stopping.signal }))
  nodeGauges(context, node, pool)
  return {
    health: () => nodeHealth(node),
    async drain() {
      await door?.close(DOOR_CLOSE_MS)
      await node.idle()
    },
    ...(door !== undefined && { faces: { daDoor: `${config.doorAddress}:${door.port}` } }),
    async stop() {
      stopping.abort()
      await door?.close(0)
      await Promise.all(jobs)
      await node.idle()
      await Promise.all([pool.close(), coder.close()])
    },
  }
}

async function doorOf(
  context: ModuleContext<DaNodeConfig>,
  parts: { readonly node: DaNode; readonly signer: WindowSigner; readonly accountOf: () => Promise<Uint8Array> },
): Promise<Door | undefined> {
  const { doorAddress: address, doorPort: port, doorAuthoritiesFile: authoritiesFile } = context.config
  if (port === null) return undefined
  if (authoritiesFile === null) {
    throw new ZerogError('CONFIG_INVALID', {
      message: 'a door for other installations (doorPort) needs doorAuthoritiesFile: who may come through',
    })
  }
  const chainId = BigInt(context.network.chainId)
  return openDoor({ instance: context.instance, chainId, address, port, authoritiesFile }, { ...context, ...parts })
}

function nodeGauges({ meter }: ModuleContext<DaNodeConfig>, node: DaNode, pool: RowPool): void {
  const gauge = (name: string, help: string, read: () => number) => meter.gauge({ name, help, read })
  gauge('zerog_da_node_used_bytes', 'Bytes of stored rows.', () => node.stats().usedBytes)
  gauge('zerog_da_node_capacity_bytes', 'Bytes that this node offers.', () => node.stats().capacityBytes)
  gauge('zerog_da_node_bundles', 'Bundles with rows here.', () => node.stats().bundleCount)
  gauge('zerog_da_node_damaged_bundles', 'Bundles that wait for a refill.', () => node.stats().damagedCount)
  rowWorkGauges(meter, pool)
}

/** Threads are shared by all targets of a process, so each of them shows the same. */
function rowWorkGauges(meter: ModuleContext<unknown>['meter'], pool: RowPool): void {
  const gauge = (name: string, help: string, read: () => number) => meter.gauge({ name, help, read })
  gauge('zerog_da_row_check_seconds', 'Thread seconds spent checking rows, in this process.', () => pool.seconds().check)
  gauge('zerog_da_row_restore_seconds', 'Thread seconds spent restoring rows, in this process.', () => pool.seconds().restore)
}

function nodeHealth(node: DaNode) {
  const { usedBytes, capacityBytes, damagedCount } = node.stats()
  return {
    // A full or damaged node still serves reads.
    ready: true,
    checks: [
      { name: 'room', ok: usedBytes < capacityBytes, detail: `${usedBytes} of ${capacityBytes} bytes used` },
      { name: 'damage', ok: damagedCount === 0, detail: `${damagedCount} bundles wait for a refill` },
    ],
  }
}

/** Reads bundles out of the members. */
export const daRetrieverModule = defineDaRetriever(fromChain)

export function defineDaRetriever(openCommittees: OpenCommittees) {
  return defineModule({
    target: 'da-retriever',
    dependsOn: ['da-node', 'chain-validator'],
    config: daRetrieverConfig,
    async start(context) {
      const committees = await openCommittees(context)
      const pool = openRowPool()
      const { random, rpc, meter } = context
      const connect = rpcSourceConnector(dialerOf(context))
      const retriever = createRetriever(context.config, { ...readerDeps(context, pool), committees, connect, random })
      serveRetriever(rpc, retriever)
      rowWorkGauges(meter, pool)
      meter.gauge({ name: 'zerog_da_reads', help: 'Reads that run.', read: () => retriever.busy() })
      return {
        async health() {
          const epoch = await committees.current().then(
            (committee) => committee.epoch,
            () => undefined,
          )
          const detail = epoch === undefined ? 'the chain does not answer or has no committee' : `epoch ${epoch}`
          return { ready: true, checks: [{ name: 'committee', ok: epoch !== undefined, detail }] }
        },
        stop: () => pool.close(),
      }
    },
  })
}

function readerDeps({ clock, logger, meter }: Pick<ModuleContext<unknown>, 'clock' | 'logger' | 'meter'>, pool: RowPool) {
  return { checker: pool, restorer: pool, sha256: incrementalSha256, clock, logger, meter }
}

/** Codes bundles and hands their rows to the members. */
export const daEncoderModule = defineDaEncoder(fromChain)

export function defineDaEncoder(openCommittees: OpenCommittees) {
  return defineModule({
    target: 'da-encoder',
    dependsOn: ['da-node', 'chain-validator'],
    config: daEncoderConfig,
    async start(context) {
      countBuffersWithHeap()
      return startEncoder(context, await openCommittees(context))
    },
  })
}

/** Accepts blobs and brings them to their certificate on the chain. */
export const daDisperserModule = defineDaDisperser(async (context) => ({
  committees: await fromChain(context),
  repository: await sqlDisperserRepository(await context.sql()),
}))

export function defineDaDisperser(openParts: (context: ModuleContext<DaDisperserConfig>) => Promise<DisperserParts>) {
  return defineModule({
    target: 'da-disperser',
    dependsOn: ['da-encoder', 'da-retriever', 'chain-validator'],
    config: daDisperserConfig,
    async start(context) {
      countBuffersWithHeap()
      return startDisperser(context, await openParts(context))
    },
  })
}

/** In the order in which they start. */
export const daModules: readonly ServiceModule[] = [daNodeModule, daRetrieverModule, daEncoderModule, daDisperserModule]
