import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from '@jest/globals'
import { createGrpcPeers, type GrpcPeers } from '../src/rpc/grpc-client.ts'
import { type GrpcServer, startGrpcServer } from '../src/rpc/grpc-server.ts'
import { createInProcessNetwork } from '../src/rpc/in-process.ts'
import { createModuleRpc } from '../src/rpc/module-rpc.ts'
import { describeRpc, testHostDeps } from '../src/rpc/suite.ts'
import { initAuthority, issueIdentity } from '../src/tls/authority.ts'
import { loadTlsIdentity, type TlsIdentity } from '../src/tls/credentials.ts'

const network = 'devnet'
let dir: string
const identities = new Map<string, TlsIdentity>()

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'zerog-grpc-'))
  await initAuthority(dir, network)
  for (const target of ['echo', 'friend', 'stranger']) {
    await issueIdentity({ dir, network, target })
    identities.set(target, await loadTlsIdentity({ dir, network, target }, testHostDeps()))
  }
})
afterAll(async () => {
  for (const identity of identities.values()) identity.stop()
  await rm(dir, { recursive: true, force: true })
})

describeRpc('gRPC with mutual TLS', async (hosts) => {
  const identity = identities.get('echo') as TlsIdentity
  const listen = { address: '127.0.0.1', port: 0 }
  const servers: GrpcServer[] = []
  for (const host of hosts) servers.push(await startGrpcServer({ host, identity, listen }))
  const peers = { echo: servers.map(({ port }) => `127.0.0.1:${port}`) }
  const connections: GrpcPeers[] = []
  return {
    rpcAs(name) {
      const connection = createGrpcPeers({ identity: identities.get(name) as TlsIdentity, peers })
      connections.push(connection)
      return createModuleRpc({ identity: name, network: createInProcessNetwork(), peers: connection }, testHostDeps())
    },
    async close() {
      for (const connection of connections) connection.close()
      for (const server of servers) await server.close(1_000)
    },
  }
})
