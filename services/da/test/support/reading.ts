import { memoryBlobStore, memoryKv } from '@zerog/adapters/memory'
import { type Committee, quorumIdOf, type Statement } from '@zerog/availability'
import type { BlobStore, Client, Kv } from '@zerog/ports'
import { NodeServiceDefinition, RetrieverServiceDefinition } from '@zerog/proto/da'
import { type TestContext, type TestWorld, testContext, testWorld } from '@zerog/runtime/testing'
import { staticCommittees } from '../../src/adapters/committees/static.ts'
import { encodeRow } from '../../src/adapters/grpc/row-codec.ts'
import { encodeStatement, toWire } from '../../src/adapters/grpc/statement-codec.ts'
import { defineDaNode, defineDaRetriever } from '../../src/module.ts'
import { type Coded, rowsOf } from './members.ts'

/** Nodes and a retriever over the in-process channel, which encodes every message, on memory stores that outlive the nodes. */
export type ReadingNetwork = {
  readonly world: TestWorld
  readonly disks: readonly Disk[]
  readonly retriever: Client<typeof RetrieverServiceDefinition>
  nodeAs(identity: string, instance: number): Client<typeof NodeServiceDefinition>
  stopNode(instance: number): Promise<void>
  startNode(instance: number): Promise<void>
  close(): Promise<void>
}

export type Disk = { readonly blobs: BlobStore; readonly kv: Kv }

export async function readingNetwork(
  committees: readonly Committee[],
  options: { readonly nodeConfig?: Record<string, unknown>; readonly retrieverConfig?: Record<string, unknown> } = {},
): Promise<ReadingNetwork> {
  const world = testWorld()
  const open = async () => staticCommittees(committees)
  const nodeModule = defineDaNode(open)
  const count = Math.max(...committees.map(({ members }) => members.length))
  const disks = Array.from({ length: count }, () => ({ blobs: memoryBlobStore(), kv: memoryKv() }))
  const nodes: (TestContext<unknown> | undefined)[] = []

  async function startNode(instance: number): Promise<void> {
    const disk = disks[instance] as Disk // made above
    const context = await testContext({
      module: nodeModule,
      world,
      instance,
      config: options.nodeConfig ?? {},
      ports: { blobs: async () => disk.blobs, kv: async () => disk.kv },
    })
    await context.start()
    nodes[instance] = context
  }
  for (let instance = 0; instance < count; instance++) await startNode(instance)
  const retrieverContext = await testContext({
    module: defineDaRetriever(open),
    world,
    config: { hedgeMsMax: 200, ...options.retrieverConfig },
  })
  await retrieverContext.start()

  return {
    world,
    disks,
    retriever: world.rpcAs('developer').client(RetrieverServiceDefinition, 'da-retriever'),
    nodeAs: (identity, instance) => world.rpcAs(identity).client(NodeServiceDefinition, 'da-node', instance),
    async stopNode(instance) {
      await nodes[instance]?.close()
      nodes[instance] = undefined
    },
    startNode,
    async close() {
      await retrieverContext.close()
      for (const node of nodes) await node?.close()
    },
  }
}

/** A day from now, for nodes on the system's clock. */
export function tomorrow(): bigint {
  return BigInt(Math.floor(Date.now() / 1000)) + 86_400n
}

/** Rows of one member as the encoder sends them. */
export async function* putRequests(coded: Coded, committee: Committee, member: number) {
  const rows = rowsOf(coded, committee, member)
  const { encoded, statement } = coded
  const header = {
    bundle: encodeStatement(statement),
    rlc: toWire(encoded.rlc),
    rowRoot: toWire(encoded.rowRoot),
    rowCount: rows.length,
  }
  const rowsAtOnce = Math.max(1, Math.floor((1024 * 1024) / (statement.rowBytes + 512)))
  for (let at = 0; at < rows.length; at += rowsAtOnce) {
    yield { header: at === 0 ? header : undefined, rows: rows.slice(at, at + rowsAtOnce).map(encodeRow) }
  }
}

/** Hands the rows of a bundle to members and has them sign it. */
export async function disperse(
  nodes: Pick<ReadingNetwork, 'nodeAs'>,
  coded: Coded,
  committee: Committee,
  members: readonly number[] = committee.members.map((_, member) => member),
): Promise<void> {
  for (const member of members) {
    await nodes.nodeAs('da-encoder', member).putRows(putRequests(coded, committee, member))
    await nodes.nodeAs('da-disperser', member).signWindow({ bundles: [encodeStatement(coded.statement)] })
  }
}

export function headerOf(statement: Statement, index: number) {
  const { commitment, epoch, committee } = statement
  return { commitment: toWire(commitment), epoch, quorumId: quorumIdOf(committee, index) }
}

export async function collect(source: AsyncIterable<{ readonly chunk: Uint8Array }>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const { chunk } of source) parts.push(chunk)
  return Buffer.concat(parts)
}
