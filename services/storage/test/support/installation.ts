import { memoryBlobStore, memoryKv, memoryLeases, memoryLeaseTable, systemClock } from '@zerog/adapters'
import type { BlobStore, Client } from '@zerog/ports'
import { buildFileTree, ENTRY_BYTES, SEGMENT_BYTES } from '@zerog/primitives'
import { type Segment, StorageServiceDefinition } from '@zerog/proto/storage'
import { type TestContext, type TestWorld, testContext, testWorld } from '@zerog/runtime/testing'
import { encodeSegment } from '../../src/adapters/grpc/segment-codec.ts'
import { memoryRepository } from '../../src/adapters/sql/memory-repository.ts'
import type { StorageRepository } from '../../src/app/repository.ts'
import { defineStorageGateway, storageNodeModule } from '../../src/module.ts'
import { type FlowChain, flowChain } from './flow-chain.ts'

/** Storage nodes and a gateway over the in-process channel, on memory ports that outlive the modules. */
export type Installation = {
  readonly world: TestWorld
  readonly chain: FlowChain
  readonly repository: StorageRepository
  readonly blobs: readonly BlobStore[]
  readonly storage: Client<StorageServiceDefinition>
  stopNode(instance: number): Promise<void>
  startNode(instance: number): Promise<void>
  restartGateway(config?: Record<string, unknown>): Promise<void>
  close(): Promise<void>
}

export async function installation(
  options: {
    readonly nodes?: number
    readonly config?: Record<string, unknown>
    readonly nodeConfig?: Record<string, unknown>
    readonly repository?: StorageRepository
  } = {},
): Promise<Installation> {
  const world = testWorld()
  const chain = flowChain()
  const repository = options.repository ?? memoryRepository()
  const leases = memoryLeases({ clock: systemClock, table: memoryLeaseTable() })
  const count = options.nodes ?? 3
  const disks = Array.from({ length: count }, () => ({ blobs: memoryBlobStore(), kv: memoryKv(), seed: new Uint8Array() }))
  const nodes: (TestContext<unknown> | undefined)[] = []

  async function startNode(instance: number): Promise<void> {
    const disk = disks[instance] as (typeof disks)[number] // made above
    const context = await testContext({
      module: storageNodeModule,
      world,
      instance,
      config: options.nodeConfig ?? {},
      ports: { blobs: async () => disk.blobs, kv: async () => disk.kv },
    })
    await keepSeed(context.context.dataDir, disk)
    await context.start()
    await keepSeed(context.context.dataDir, disk)
    nodes[instance] = context
  }
  const config = { jobIntervalMs: 50, nodeRefreshMs: 100, hedgeMs: 50, leaseTtlMs: 1000, ...options.config }
  const startGateway = async (override: Record<string, unknown> = {}) => {
    const context = await testContext({
      module: defineStorageGateway(async () => repository),
      world,
      config: { ...config, ...override },
      ports: { chain: async () => chain, leases: async () => leases },
    })
    await context.start()
    return context
  }
  for (let instance = 0; instance < count; instance++) await startNode(instance)
  let gateway = await startGateway()

  return {
    world,
    chain,
    repository,
    blobs: disks.map((disk) => disk.blobs),
    storage: world.rpcAs('gateway').client(StorageServiceDefinition, 'storage-gateway'),
    async stopNode(instance) {
      await nodes[instance]?.close()
      nodes[instance] = undefined
    },
    startNode,
    async restartGateway(override) {
      await gateway.close()
      gateway = await startGateway(override)
    },
    async close() {
      await gateway.close()
      for (const node of nodes) await node?.close()
    },
  }
}

/** The folder of a test context is new at each start; the identity of a node must not be. */
async function keepSeed(dataDir: string, disk: { seed: Uint8Array }): Promise<void> {
  const { readFile, writeFile } = await import('node:fs/promises')
  const path = `${dataDir}/node.seed`
  if (disk.seed.length > 0) await writeFile(path, disk.seed)
  else disk.seed = await readFile(path).catch(() => new Uint8Array())
}

/** The segments of a file as an uploader makes them. */
export function segmentsOf(data: Uint8Array): Segment[] {
  const tree = buildFileTree(data)
  return Array.from({ length: tree.layout.segmentCount }, (_, index) => {
    const bytes = data.subarray(index * SEGMENT_BYTES, (index + 1) * SEGMENT_BYTES)
    const whole = new Uint8Array(Math.ceil(bytes.length / ENTRY_BYTES) * ENTRY_BYTES)
    whole.set(bytes)
    return encodeSegment({ root: tree.root, sizeBytes: data.length, index, proof: tree.proof(index), data: whole })
  })
}

/** byte[i] = (31 i + seed) & 255, the rule of 0G's vectors for seed 7. */
export function lcg(size: number, seed = 7): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (31 * index + seed) & 255)
}

export async function* uploads(segments: readonly Segment[], txSeq?: number) {
  for (const segment of segments) yield { segment, ...(txSeq === undefined ? {} : { txSeq: BigInt(txSeq) }) }
}

/** Asks until it is so; fails after the time. */
export async function eventually<Result>(ask: () => Promise<Result | undefined>, timeoutMs = 10_000): Promise<Result> {
  const untilMs = performance.now() + timeoutMs
  for (;;) {
    const result = await ask()
    if (result !== undefined && result !== false) return result
    if (performance.now() > untilMs) throw new Error(`not so within ${timeoutMs} ms`)
    await systemClock.sleep(10)
  }
}

export async function collect(source: AsyncIterable<{ readonly chunk: Uint8Array }>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const { chunk } of source) parts.push(chunk)
  return Buffer.concat(parts)
}
