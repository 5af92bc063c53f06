import { systemClock } from '@zerog/adapters/clock/system'
import { memoryBlobStore, memoryKv, memoryLeases, memoryLeaseTable } from '@zerog/adapters/memory'
import type { BlobStore, Client } from '@zerog/ports'
import { type Blob, BlobState, DisperserServiceDefinition, RetrieverServiceDefinition } from '@zerog/proto/da'
import { type TestContext, type TestWorld, testContext, testWorld } from '@zerog/runtime/testing'
import { memoryDisperserRepository } from '../../src/adapters/sql/memory-repository.ts'
import type { DisperserRepository } from '../../src/app/disperser/repository.ts'
import { defineDaDisperser, defineDaEncoder, defineDaNode, defineDaRetriever } from '../../src/module.ts'
import { badMember, type Fault } from './bad-member.ts'
import { type EntranceChain, entranceChain } from './entrance-chain.ts'
import { type Members, membersOf } from './members.ts'

/** Members, an encoder, a retriever and a disperser over the in-process channel, on memory ports that outlive the modules. */
export type Pipeline = {
  readonly world: TestWorld
  readonly chain: EntranceChain
  readonly members: Members
  readonly repository: DisperserRepository
  readonly disperser: Client<DisperserServiceDefinition>
  readonly retriever: Client<RetrieverServiceDefinition>
  readonly faces: () => Readonly<Record<string, string>>
  stopNode(instance: number): Promise<void>
  startNode(instance: number): Promise<void>
  stopDisperser(): Promise<void>
  /** Without drain: its run ends in the middle, and nothing that it started goes on. */
  killDisperser(): Promise<void>
  startDisperser(config?: Record<string, unknown>): Promise<void>
  /** Another one beside the first, on the same repository, chain and leases, with a disk of its own. */
  startSecondDisperser(instance: number): Promise<void>
  stopEncoder(): Promise<void>
  startEncoder(): Promise<void>
  close(): Promise<void>
}

const STAKES = [1n, 1n, 1n, 1n]

export async function pipeline(
  options: {
    readonly stakes?: readonly bigint[]
    readonly config?: Record<string, unknown>
    readonly repository?: DisperserRepository
    /** Epochs after the first one, with the same members, and how many blocks each lasts. Default: one epoch for ever. */
    readonly epochs?: { readonly further: number; readonly blocks: number }
    /** Members that do not do what they should. */
    readonly faults?: Readonly<Record<number, Fault>>
    /** One that another operator runs: not started here, reached at its socket with the certificates of this folder. */
    readonly foreign?: { readonly member: number; readonly socket: string; readonly identityDir: string }
  } = {},
): Promise<Pipeline> {
  const world = testWorld()
  const { foreign } = options
  const members = elsewhere(membersOf(options.stakes ?? STAKES), foreign)
  const dialing = foreign === undefined ? {} : { identityDir: foreign.identityDir }
  const further = Array.from({ length: options.epochs?.further ?? 0 }, (_, index) => {
    const epoch = members.committee.epoch + BigInt(index + 1)
    return membersOf(options.stakes ?? STAKES, { epoch, seed: 100 + index }).committee
  })
  const chain = entranceChain([members.committee, ...further], { epochBlocks: options.epochs?.blocks ?? 28_800 })
  const { committees, registry } = chain
  const repository = options.repository ?? memoryDisperserRepository()
  const table = memoryLeaseTable()
  const count = members.committee.members.length
  const disks = Array.from({ length: count }, () => ({ blobs: memoryBlobStore(), kv: memoryKv() }))
  const nodes: (TestContext<unknown> | undefined)[] = []
  const disperserDisk: BlobStore = memoryBlobStore()
  const openCommittees = async () => committees

  async function startNode(instance: number): Promise<void> {
    const disk = disks[instance] as (typeof disks)[number] // made above
    const ports = { blobs: async () => disk.blobs, kv: async () => disk.kv }
    const fault = options.faults?.[instance]
    const context: TestContext<unknown> =
      fault === undefined
        ? await testContext({ module: defineDaNode(openCommittees), world, instance, config: dialing, ports })
        : await testContext({ module: badMember(fault, instance, members.committee), world, instance, ports })
    await context.start()
    nodes[instance] = context
  }
  let encoder: TestContext<unknown> | undefined
  async function startEncoder(): Promise<void> {
    const module = defineDaEncoder(openCommittees)
    const context = await testContext({ module, world, config: { threads: 1, ...dialing }, ports: {} })
    encoder = context
    await context.start()
  }
  const config = {
    publicPort: null,
    retryFirstMs: 20,
    retryMaxMs: 100,
    graceMs: 30,
    leaseTtlMs: 500,
    forgetIntervalMs: 100,
    refillFirstMs: 50,
    epochCheckMs: 50,
    ...dialing,
    ...options.config,
  }
  let disperser: TestContext<unknown> | undefined
  let kill: (() => Promise<void>) | undefined
  let faces: Readonly<Record<string, string>> = {}
  async function startDisperser(override: Record<string, unknown> = {}): Promise<void> {
    const { entrance, account } = chain
    const context = await testContext({
      module: defineDaDisperser(async () => ({ repository, committees, entrance, account, registry })),
      world,
      config: { ...config, ...override },
      ports: {
        chain: async () => chain,
        blobs: async () => disperserDisk,
        leases: sharedLeases,
      },
    })
    disperser = context
    const running = await context.start()
    faces = running.faces ?? {}
    kill = async () => {
      await running.stop()
      await context.close()
    }
  }
  const others: TestContext<unknown>[] = []
  const sharedLeases = async () => memoryLeases({ clock: systemClock, table })
  async function startSecondDisperser(instance: number): Promise<void> {
    const { entrance, account } = chain
    const disk = instance === 0 ? disperserDisk : memoryBlobStore()
    const context = await testContext({
      module: defineDaDisperser(async () => ({ repository, committees, entrance, account, registry })),
      world,
      instance,
      config,
      ports: { chain: async () => chain, blobs: async () => disk, leases: sharedLeases },
    })
    others.push(context)
    await context.start()
  }
  const retriever = await testContext({ module: defineDaRetriever(openCommittees), world, config: dialing })
  await retriever.start()
  for (let instance = 0; instance < count; instance++) if (instance !== foreign?.member) await startNode(instance)
  await startEncoder()
  await startDisperser()

  return {
    world,
    chain,
    members,
    repository,
    disperser: world.rpcAs('gateway').client(DisperserServiceDefinition, 'da-disperser'),
    retriever: world.rpcAs('gateway').client(RetrieverServiceDefinition, 'da-retriever'),
    faces: () => faces,
    async stopNode(instance) {
      await nodes[instance]?.close()
      nodes[instance] = undefined
    },
    startNode,
    async stopDisperser() {
      await disperser?.close()
      disperser = undefined
    },
    async killDisperser() {
      await kill?.()
      disperser = undefined
    },
    startDisperser,
    startSecondDisperser,
    async stopEncoder() {
      await encoder?.close()
      encoder = undefined
    },
    startEncoder,
    async close() {
      for (const other of others) await other.close()
      await disperser?.close()
      await encoder?.close()
      await retriever.close()
      for (const node of nodes) await node?.close()
    },
  }
}

/** The same committee, in which one member registered an address: its root does not depend on that. */
function elsewhere(members: Members, foreign: { readonly member: number; readonly socket: string } | undefined): Members {
  if (foreign === undefined) return members
  const { committee } = members
  const moved = committee.members.map((member, index) =>
    index === foreign.member ? { ...member, socket: foreign.socket } : member,
  )
  return { ...members, committee: { ...committee, members: moved } }
}

export async function* upload(data: Uint8Array, options: { readonly idempotencyKey?: string; readonly sizeBytes?: number } = {}) {
  const { idempotencyKey = '', sizeBytes = data.length } = options
  const head = { sizeBytes: BigInt(sizeBytes), idempotencyKey, account: Buffer.alloc(0), retentionSeconds: 0 }
  for (let offset = 0; offset === 0 || offset < data.length; offset += 1024 * 1024) {
    yield { options: offset === 0 ? head : undefined, chunk: Buffer.from(data.subarray(offset, offset + 1024 * 1024)) }
  }
}

/** Follows a blob until it is in a state, or final; fails where it is given up unasked. */
export async function untilState(given: Pick<Pipeline, 'disperser'>, id: string, wanted: BlobState): Promise<Blob> {
  for await (const { blob } of given.disperser.watchBlob({ id }, { timeoutMs: 30_000 })) {
    if (blob === undefined) continue
    if (blob.state === wanted) return blob
    if (blob.state === BlobState.BLOB_STATE_FAILED) throw new Error(`given up: ${blob.failureReason} ${blob.failureMessage}`)
    if (blob.state >= wanted) return blob
  }
  throw new Error('the stream ended')
}

export async function retrieve(given: Pick<Pipeline, 'retriever'>, blob: Blob): Promise<Buffer> {
  const chunks: Buffer[] = []
  for (const { header } of blob.parts) {
    for await (const { chunk } of given.retriever.retrieve({ header, offset: 0n, length: 0n }, { timeoutMs: 30_000 }))
      chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
