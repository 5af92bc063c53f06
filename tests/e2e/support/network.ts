import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cryptoRandom, postgresLeases, postgresSql, startEmbeddedPostgres, systemClock } from '@zerog/adapters'
import { chainValidatorModule } from '@zerog/chain'
import { gatewayModule } from '@zerog/gateway'
import { ChainServiceDefinition } from '@zerog/proto/chain'
import { silentLogger } from '@zerog/runtime'
import { testContext, testWorld } from '@zerog/runtime/testing'
import { storageGatewayModule, storageNodeModule } from '@zerog/storage'
import { grpcChainClient } from '../../../packages/adapters/src/chain-client/grpc.ts'

export type TestNetwork = {
  readonly gatewayUrl: string
  readonly indexerUrl: string
  readonly nodeUrl: string
  close(): Promise<void>
}

/** Chain, storage and gateway in this process: the real modules over the in-process channel, PostgreSQL beside it. */
export async function startNetwork(options: { readonly storageNodes: number }): Promise<TestNetwork> {
  const folder = await mkdtemp(join(tmpdir(), 'zerog-e2e-'))
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') })
  const sql = postgresSql({ url: postgres.url })
  const world = testWorld()
  const closers: (() => Promise<unknown>)[] = [
    () => rm(folder, { recursive: true, force: true }),
    () => postgres.stop(),
    () => sql.close(),
  ]
  const chain = grpcChainClient({
    service: world.rpcAs('storage-gateway').client(ChainServiceDefinition, 'chain-validator'),
    clock: systemClock,
    random: cryptoRandom,
    logger: silentLogger,
  })
  const leases = postgresLeases({ sql, clock: systemClock })
  const ports = { sql: async () => sql, chain: async () => chain, leases: async () => leases }

  const validator = await testContext({ module: chainValidatorModule, world })
  await validator.start()
  closers.push(validator.close)
  for (let instance = 0; instance < options.storageNodes; instance++) {
    const node = await testContext({ module: storageNodeModule, world, instance })
    await node.start()
    closers.push(node.close)
  }
  const storage = await testContext({ module: storageGatewayModule, world, ports })
  await storage.start()
  closers.push(storage.close)
  const gateway = await testContext({ module: gatewayModule, world, config: { port: 0 } })
  const { faces } = await gateway.start()
  closers.push(gateway.close)
  const gatewayUrl = faces?.gatewayUrl ?? ''
  return {
    gatewayUrl,
    indexerUrl: faces?.indexerUrl ?? '',
    nodeUrl: faces?.nodeUrl ?? '',
    async close() {
      for (const close of closers.reverse()) await close()
    },
  }
}
