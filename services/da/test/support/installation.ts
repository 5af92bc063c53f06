import { memoryBlobStore, memoryKv } from '@zerog/adapters/memory'
import { type Committee, quorumIdOf, type Statement } from '@zerog/availability'
import type { BlobStore, Client } from '@zerog/ports'
import { NodeServiceDefinition, RetrieverServiceDefinition } from '@zerog/proto/da'
import { type TestContext, type TestWorld, testContext, testWorld } from '@zerog/runtime/testing'
import { staticCommittees } from '../../src/adapters/committees/static.ts'
import { encodeStatement, toWire } from '../../src/adapters/grpc/statement-codec.ts'
import { defineDaNode, defineDaRetriever } from '../../src/module.ts'
import { type Coded, rowsOf } from './members.ts'

/** Members and a retriever over the in-process channel, on memory ports that outlive the modules. */
export type Installation = {
  readonly world: TestWorld
  readonly disks: readonly { readonly blobs: BlobStore }[]
  readonly retriever: Client<RetrieverServiceDefinition>
  stopNode(instance: number): Promise<void>
  close(): Promise<void>
}

export async function installation(committees: readonly Committee[]): Promise<Installation> {
  const world = testWorld()
  const count = Math.max(...committees.map(({ members }) => members.length))
  const open = async () => staticCommittees(committees)
  const disks = Array.from({ length: count }, () => ({ blobs: memoryBlobStore(), kv: memoryKv() }))
  const nodes = new Map<number, TestContext<unknown>>()
  for (const [instance, { blobs, kv }] of disks.entries()) {
    const ports = { blobs: async () => blobs, kv: async () => kv }
    const node = await testContext({ module: defineDaNode(open), world, instance, ports })
    await node.start()
    nodes.set(instance, node)
  }
  const retriever = await testContext({ module: defineDaRetriever(open), world })
  await retriever.start()
  return {
    world,
    disks,
    retriever: world.rpcAs('gateway').client(RetrieverServiceDefinition, 'da-retriever'),
    async stopNode(instance) {
      await nodes.get(instance)?.close()
      nodes.delete(instance)
    },
    async close() {
      await retriever.close()
      for (const node of nodes.values()) await node.close()
    },
  }
}

/** Hands every member its rows, or only those that are named, as an encoder does. */
export async function disperse(
  net: Installation,
  coded: Coded,
  committee: Committee,
  members: readonly number[] = [...committee.members.keys()],
): Promise<void> {
  const rpc = net.world.rpcAs('da-encoder')
  for (const member of members) {
    const rows = rowsOf(coded, committee, member).map(({ index, row, path }) => ({
      index,
      data: toWire(row),
      path: Buffer.concat(path),
    }))
    const header = {
      bundle: encodeStatement(coded.statement),
      rlc: toWire(coded.encoded.rlc),
      rowRoot: toWire(coded.encoded.rowRoot),
      rowCount: rows.length,
    }
    async function* requests() {
      for (let at = 0; at < rows.length; at += 64) {
        yield { header: at === 0 ? header : undefined, rows: rows.slice(at, at + 64) }
      }
    }
    await rpc.client(NodeServiceDefinition, 'da-node', member).putRows(requests())
  }
}

export function headerOf(statement: Statement, index: number) {
  const { epoch, committee } = statement
  return { commitment: toWire(statement.commitment), epoch, quorumId: quorumIdOf(committee, index) }
}

export async function collect(source: AsyncIterable<{ readonly chunk: Uint8Array }>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const { chunk } of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Seconds since the Unix epoch. */
export function tomorrow(): bigint {
  return BigInt(Math.floor(Date.now() / 1000) + 86_400)
}
