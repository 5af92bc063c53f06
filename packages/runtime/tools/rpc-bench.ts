import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@zerog/adapters/clock/system'
import { cryptoRandom } from '@zerog/adapters/random/crypto'
import { type EchoClient, EchoServiceDefinition, echoEndpoints } from '../src/rpc/echo-service.ts'
import { createGrpcPeers } from '../src/rpc/grpc-client.ts'
import { startGrpcServer } from '../src/rpc/grpc-server.ts'
import { createHost } from '../src/rpc/host.ts'
import { createInProcessNetwork } from '../src/rpc/in-process.ts'
import { createModuleRpc } from '../src/rpc/module-rpc.ts'
import { silentLogger } from '../src/telemetry/logger.ts'
import { createMetrics } from '../src/telemetry/meter.ts'
import { createTracing } from '../src/telemetry/tracing.ts'
import { initAuthority, issueIdentity } from '../src/tls/authority.ts'
import { loadTlsIdentity } from '../src/tls/credentials.ts'

// Both transports, client and server in this process: `node packages/runtime/tools/rpc-bench.ts`.
const CALLS = 4_000
const IN_FLIGHT = 32
const CHUNKS = 300
const chunk = Buffer.alloc(1024 * 1024, 1)
const small = { frame: Buffer.alloc(1024), height: 0n }

const deps = () => {
  const meter = createMetrics().meter()
  return { clock: systemClock, random: cryptoRandom, logger: silentLogger, meter, tracing: createTracing() }
}
const dir = await mkdtemp(join(tmpdir(), 'zerog-bench-'))
await initAuthority(dir, 'devnet')
const identity = async (target: string) => {
  await issueIdentity({ dir, network: 'devnet', target })
  return loadTlsIdentity({ dir, network: 'devnet', target }, deps())
}
const [server, friend] = [await identity('echo'), await identity('friend')]

const host = createHost({ target: 'echo', instance: 0 }, deps())
host.add(
  EchoServiceDefinition,
  echoEndpoints({
    async *produce({ height: count }) {
      for (let index = 0n; index < count; index++) yield { frame: chunk, height: index }
    },
    async collect(requests) {
      let height = 0n
      for await (const _ of requests) height++
      return { frame: Buffer.alloc(0), height }
    },
  }),
)
host.open()
const network = createInProcessNetwork()
network.add(host)
const door = await startGrpcServer({ host, identity: server, listen: { address: '127.0.0.1', port: 0 } })
const peers = createGrpcPeers({ identity: friend, peers: { echo: [`127.0.0.1:${door.port}`] } })

for (const [transport, rpc] of [
  ['in process', createModuleRpc({ identity: 'friend', network }, deps())],
  ['gRPC, mutual TLS', createModuleRpc({ identity: 'friend', network: createInProcessNetwork(), peers }, deps())],
] as const) {
  await measure(transport, rpc.client(EchoServiceDefinition, 'echo'))
}
peers.close()
await door.close(1_000)
for (const one of [server, friend]) one.stop()
await rm(dir, { recursive: true, force: true })

async function measure(transport: string, echo: EchoClient): Promise<void> {
  for (let index = 0; index < 500; index++) await echo.unary(small)
  const one = async (count: number) => {
    for (let index = 0; index < count; index++) await echo.unary(small)
  }
  const parallel = await seconds(() => Promise.all(Array.from({ length: IN_FLIGHT }, () => one(CALLS / IN_FLIGHT))))
  const serial = await seconds(() => one(CALLS / 4))
  const down = await seconds(async () => {
    for await (const _ of echo.produce({ frame: Buffer.alloc(0), height: BigInt(CHUNKS) }));
  })
  const up = await seconds(() => echo.collect(chunks()))
  const rate = (bytes: number, time: number) => `${Math.round(bytes / 1e6 / time)} MB/s`
  console.log(
    `${transport}: 1 KiB unary ${Math.round(CALLS / parallel)}/s with ${IN_FLIGHT} in flight, ${Math.round(CALLS / 4 / serial)}/s one by one; ` +
      `1 MiB messages down ${rate(CHUNKS * chunk.length, down)}, up ${rate(CHUNKS * chunk.length, up)}`,
  )
}

async function* chunks() {
  for (let index = 0; index < CHUNKS; index++) yield { frame: chunk, height: 0n }
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return (performance.now() - startedMs) / 1000
}
