import { keccakTreeHasher } from '@zerog/kernels'
import { assert, buildFileTree, ENTRY_BYTES, equalBytes, SEGMENT_BYTES, ZerogError } from '@zerog/primitives'
import type { NodeEnv, Scenario, Sim, SimNode } from '@zerog/sim'
import { serveStorageNode } from '../../../../services/storage/src/adapters/grpc/node/serve.ts'
import { rpcNodeConnector } from '../../../../services/storage/src/adapters/grpc/node-connector.ts'
import { memoryRepository } from '../../../../services/storage/src/adapters/sql/memory-repository.ts'
import { createStorageGateway, type StorageGateway } from '../../../../services/storage/src/app/gateway/storage-gateway.ts'
import { createStorageNode, type StorageNode } from '../../../../services/storage/src/app/node/storage-node.ts'
import type { ReceiptSigner } from '../../../../services/storage/src/app/receipt-signer.ts'
import type { StorageRepository } from '../../../../services/storage/src/app/repository.ts'
import type { Segment } from '../../../../services/storage/src/app/segment.ts'
import { segmentChecker } from '../../../../services/storage/src/app/verify.ts'
import { encodeReceiptClaim, type ReceiptClaim } from '../../../../services/storage/src/core/receipt.ts'
import { FLOW, submitLog } from '../../../../services/storage/test/support/flow-chain.ts'

const NODES = 3
const QUORUM = 2
const CHAIN_ID = 31_337
const SIZES = [300, 5000, 70_000, SEGMENT_BYTES + 300]
const check = segmentChecker({ hasher: keccakTreeHasher })

/** Mistakes that the scenario must find. */
export type Sabotage =
  | 'acknowledges_before_sync' // a node answers while the segment is in the page cache only
  | 'acknowledges_one' // one replica is taken for a quorum

/** Gateway and three storage nodes under crashes, partitions and disks that forget; PostgreSQL behind a network with faults. */
export function storageScenario(sabotage?: Sabotage): Scenario {
  return {
    name: 'storage',
    description:
      'An accepted segment stays on a quorum of disks, and every submitted file becomes final and reads back, crashes or not.',
    faults: {
      'node.crash_point': 0.01,
      'disk.slow': 0.05,
      'network.reset': 0.01,
      'network.slow': 0.02,
      'remote.refused': 0.01,
      'remote.unknown': 0.01,
    },
    mustSee: ['node.power_cut', 'node.kill', 'node.crash_point', 'network.reset', 'disk.lost_write', 'remote.unknown'],
    timeMaxMs: 600_000,
    eventsMax: 400_000,
    run: (sim) => run(sim, sabotage),
  }
}

type File = { readonly data: Uint8Array; readonly segments: readonly Segment[]; readonly txSeq: number }
type World = {
  readonly sim: Sim
  readonly nodes: readonly SimNode<StorageNode>[]
  readonly gateway: SimNode<StorageGateway>
  readonly accepted: Set<Segment>
  events: number
}

async function run(sim: Sim, sabotage: Sabotage | undefined): Promise<void> {
  const repository = memoryRepository()
  const nodes = Array.from({ length: NODES }, (_, index) => sim.node(`storage-node-${index}`, (env) => openNode(env, sabotage)))
  const gateway = sim.node('storage-gateway', (env) =>
    openGateway(env, sabotage === 'acknowledges_one' ? lenient(repository) : repository),
  )
  const world: World = { sim, nodes, gateway, accepted: new Set(), events: 0 }
  const files = makeFiles(sim)
  sim.check('an accepted segment is on a quorum of disks', () => checkAccepted(world))
  for (const node of nodes) await node.ready()
  await gateway.ready()
  sim.torment({ 'node.power_cut': 900, 'node.kill': 900, 'node.pause': 2000, 'network.partition': 3000 })
  await Promise.all(files.map((file) => uploadFile(world, file)))
  await sim.heal()
  for (const file of files) await becomesFinal(world, file)
  for (const file of files) await readsBack(world, file)
}

async function openNode(env: NodeEnv, sabotage: Sabotage | undefined): Promise<StorageNode> {
  const disk = await env.blobs('segments')
  const blobs =
    sabotage === 'acknowledges_before_sync'
      ? { ...disk, put: async (key: Uint8Array, value: Uint8Array) => void disk.put(key, value).catch(() => {}) }
      : disk
  const kv = await env.kv('promises')
  const signer = toySigner(env.instance)
  const options = { chainId: CHAIN_ID, capacityBytes: 2 ** 30 }
  const node = createStorageNode(options, { blobs, kv, clock: env.clock, logger: env.logger, signer, check })
  serveStorageNode(env.rpc, node)
  return node
}

function openGateway(env: NodeEnv, repository: StorageRepository): StorageGateway {
  const gateway = createStorageGateway(
    {
      chainId: CHAIN_ID,
      flowAddress: FLOW,
      holder: `${env.name}/${env.life}`,
      replicas: NODES,
      unsubmittedTtlMs: 3_600_000,
      unsubmittedFileBytesMax: 2 ** 20,
      unsubmittedBytesMax: 2 ** 30,
      hedgeMs: 100,
      replaceAfterMs: 3_600_000,
      nodeRefreshMs: 300,
      jobIntervalMs: 500,
      leaseTtlMs: 2000,
      idleCheckpointMs: 500,
    },
    {
      repository: env.remote('repository', repository),
      chain: env.chain,
      connector: rpcNodeConnector(env.rpc),
      bus: env.bus,
      leases: env.leases,
      clock: env.clock,
      logger: env.logger,
      meter: env.meter,
      hasher: keccakTreeHasher,
      check,
      verifyReceipt: (receipt) => equalBytes(receipt.signature, toySignature(receipt)),
    },
  )
  gateway.run(env.signal).catch(env.fatal)
  return gateway
}

/** Node's Ed25519 leaves the simulated process; what a signature is made of does not matter here, only what it is made for. */
function toySigner(instance: number): ReceiptSigner {
  const nodeId = new Uint8Array(32).fill(instance + 1)
  return { nodeId, sign: (claim) => ({ ...claim, nodeId, signature: toySignature({ ...claim, nodeId }) }) }
}

function toySignature(claim: ReceiptClaim): Uint8Array {
  return keccakTreeHasher.keccak256(encodeReceiptClaim(claim))
}

/** The mistake: every placement says that one replica is enough. */
function lenient(repository: StorageRepository): StorageRepository {
  return { ...repository, placeRange: (options) => repository.placeRange({ ...options, quorum: 1 }) }
}

function makeFiles(sim: Sim): readonly File[] {
  const count = sim.prng.between(2, 5)
  return Array.from({ length: count }, (_, txSeq) => {
    const size = sim.prng.pick(SIZES)
    const data = Uint8Array.from({ length: size }, (_, index) => (31 * index + txSeq) & 255)
    const tree = buildFileTree(data)
    const segments = Array.from({ length: tree.layout.segmentCount }, (_, index) => {
      const bytes = data.subarray(index * SEGMENT_BYTES, (index + 1) * SEGMENT_BYTES)
      const whole = new Uint8Array(Math.ceil(bytes.length / ENTRY_BYTES) * ENTRY_BYTES)
      whole.set(bytes)
      return { root: tree.root, sizeBytes: size, index, proof: tree.proof(index), data: whole }
    })
    return { data, segments, txSeq }
  })
}

/** Some files come before their submission, some after. The chain is one: submissions stand in the order of their numbers. */
async function uploadFile(world: World, file: File): Promise<void> {
  const { sim } = world
  const early = sim.prng.chance(0.5)
  if (early) await sendAll(world, file)
  await submitInOrder(world, file)
  await sim.clock.sleep(sim.prng.below(300))
  await sendAll(world, file)
}

const flowLengths = new WeakMap<Sim, { length: number; next: number }>()

async function submitInOrder({ sim }: World, { data, txSeq }: File): Promise<void> {
  const flow = flowLengths.get(sim) ?? { length: 1, next: 0 }
  flowLengths.set(sim, flow)
  while (flow.next !== txSeq) await sim.clock.sleep(20)
  const { log, nextEntry } = submitLog({ data, txSeq, flowLength: flow.length })
  sim.chain.finalize([log])
  flow.length = nextEntry
  flow.next++
}

async function sendAll({ sim, gateway, accepted }: World, { segments }: File): Promise<void> {
  for (const segment of segments) {
    for (;;) {
      const request = { segment, txSeq: undefined, signal: new AbortController().signal }
      const outcome = await gateway.call((app) => app.upload(request), 'upload').catch((error) => error)
      if (typeof outcome === 'string') break
      assert(outcome instanceof ZerogError, `an upload fails only for reasons that pass: ${outcome}`)
      await sim.clock.sleep(sim.prng.between(50, 300))
    }
    accepted.add(segment)
  }
}

/** A node that is down counts with what its disk will show; only while all are up is that known. */
function checkAccepted(world: World): void {
  const { nodes, accepted } = world
  // Looking costs more than an event; a loss stays visible.
  if (world.events++ % 16 !== 0) return
  const apps = nodes.flatMap((node) => node.app ?? [])
  if (apps.length < NODES) return
  for (const segment of accepted) {
    const holders = apps.filter((app) => app.list(segment).includes(segment.index)).length
    assert(
      holders >= QUORUM,
      `segment ${segment.index} of a file of ${segment.sizeBytes} bytes was accepted and is on ${holders} disks`,
    )
  }
}

async function becomesFinal({ sim, gateway }: World, { txSeq }: File): Promise<void> {
  for (let round = 0; round < 500; round++) {
    const view = await gateway.call((app) => app.file({ txSeq }), 'file').catch(() => undefined)
    if (view?.file.finalizedAtMs !== undefined) return
    await sim.clock.sleep(100)
  }
  assert(false, `file ${txSeq} is complete and does not become final`)
}

async function readsBack({ sim, gateway }: World, { data, txSeq }: File): Promise<void> {
  const read = async (app: StorageGateway) => {
    const parts: Uint8Array[] = []
    const signal = new AbortController().signal
    for await (const part of app.read({ txSeq }, { offset: 0, length: undefined }, signal)) parts.push(part)
    return Buffer.concat(parts)
  }
  for (let round = 0; round < 100; round++) {
    const outcome = await gateway.call(read, 'read').catch((error) => error)
    if (outcome instanceof Uint8Array) {
      assert(equalBytes(outcome, data), `file ${txSeq} reads back with other bytes`)
      return
    }
    assert(
      outcome instanceof ZerogError && outcome.status === 'UNAVAILABLE',
      `a read fails only while nodes come back: ${outcome}`,
    )
    await sim.clock.sleep(100)
  }
  assert(false, `file ${txSeq} is final and cannot be read`)
}
