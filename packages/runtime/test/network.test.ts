import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { RpcService } from '@zerog/ports'
import { ChainServiceDefinition } from '@zerog/proto/chain'
import { HealthDefinition } from '@zerog/proto/grpc/health'
import { ServerReflectionDefinition, ServerReflectionRequest } from '@zerog/proto/grpc/reflection'
import { z } from 'zod'
import { defineModule, type ModuleContext, type ServiceModule } from '../src/module.ts'
import { type EchoHandlers, EchoServiceDefinition, echoEndpoints } from '../src/rpc/echo-service.ts'
import { createGrpcPeers, type GrpcPeers } from '../src/rpc/grpc-client.ts'
import { createInProcessNetwork } from '../src/rpc/in-process.ts'
import { createModuleRpc } from '../src/rpc/module-rpc.ts'
import { testHostDeps } from '../src/rpc/suite.ts'
import { type Running, run } from '../src/runner/run.ts'
import { createLogging } from '../src/telemetry/logger.ts'
import { initAuthority, issueIdentity } from '../src/tls/authority.ts'
import { loadTlsIdentity, type TlsIdentity } from '../src/tls/credentials.ts'

jest.setTimeout(30_000)

const note = { frame: Buffer.from('x'), height: 0n }
const processes: Running[] = []
const connections: GrpcPeers[] = []
let dir: string
let developer: TlsIdentity

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'zerog-network-'))
  await initAuthority(dir, 'devnet')
  for (const target of ['echo', 'front', 'developer']) await issueIdentity({ dir, network: 'devnet', target })
  developer = await loadTlsIdentity({ dir, network: 'devnet', target: 'developer' }, testHostDeps())
})
afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close()
  for (const one of processes.splice(0).toReversed()) await one.stop()
  developer.stop()
  await rm(dir, { recursive: true, force: true })
})

function echoModule(handlers: EchoHandlers = {}) {
  return defineModule({
    target: 'echo',
    dependsOn: [],
    config: z.strictObject({}),
    async start({ rpc }) {
      rpc.serve(EchoServiceDefinition, echoEndpoints(handlers, ['developer', 'front']))
      return { health: () => ({ ready: true, checks: [] }), stop: async () => {} }
    },
  })
}

async function start(module: ServiceModule<any>, env: Record<string, string> = {}): Promise<Running> {
  const one = await run({
    modules: [module],
    targets: ['all'],
    shape: 'embedded',
    env: { ZEROG_COMMON_DATA_DIR: dir, ZEROG_COMMON_TLS_DIR: dir, ...env },
    handleProcess: false,
    logging: createLogging({ sink: { write() {} } }),
  })
  processes.push(one)
  return one
}

function connect(address: string) {
  const peers = createGrpcPeers({ identity: developer, peers: { echo: [address] } })
  connections.push(peers)
  const rpc = createModuleRpc({ identity: 'developer', network: createInProcessNetwork(), peers }, testHostDeps())
  return <S extends RpcService>(service: S) => rpc.client(service, 'echo')
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}

test('a stop finishes the unary call that runs, sends the idle stream elsewhere and refuses new connections', async () => {
  const entered = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  const running = await start(
    echoModule({
      async unary(request) {
        entered.resolve()
        await go.promise
        return request
      },
      async *produce(_request, { signal }) {
        yield note
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      },
    }),
    { ZEROG_ECHO_GRPC_PORT: '0' },
  )
  const address = running.services[0]?.grpc ?? ''
  const client = connect(address)
  const echo = client(EchoServiceDefinition)
  const health = client(HealthDefinition)
  expect((await health.check({ service: '' })).status).toBe(1)
  const call = echo.unary(note)
  const watch = echo.produce(note)[Symbol.asyncIterator]()
  await Promise.all([entered.promise, watch.next()])
  const stopped = running.stop()
  // Before anything is cut, health already says NOT_SERVING and new calls are refused.
  expect((await health.check({ service: '' })).status).toBe(2)
  await expect(echo.unary(note, { retriesMax: 0 })).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' })
  await expect(watch.next()).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' })
  go.resolve()
  expect((await call).frame.toString()).toBe('x')
  expect(await stopped).toMatchObject({ code: 0 })
  await expect(connect(address)(EchoServiceDefinition).unary(note, { retriesMax: 0 })).rejects.toMatchObject({
    reason: 'DEPENDENCY_UNAVAILABLE',
  })
})

test('calls go on over a restart: the client reconnects by itself', async () => {
  const port = await freePort()
  const env = { ZEROG_ECHO_GRPC_PORT: String(port) }
  const first = await start(echoModule(), env)
  const echo = connect(`127.0.0.1:${port}`)(EchoServiceDefinition)
  await echo.unary(note)
  await first.stop()
  await expect(echo.unary(note, { retriesMax: 0 })).rejects.toMatchObject({ status: 'UNAVAILABLE' })
  await start(echoModule(), env)
  await echo.unary(note, { retriesMax: 20, timeoutMs: 20_000 })
})

describe('a target that depends on one in another process', () => {
  const front = (seen: string[]) =>
    defineModule({
      target: 'front',
      dependsOn: ['echo', 'elsewhere'],
      config: z.strictObject({}),
      async start({ rpc }: ModuleContext<unknown>) {
        seen.push((await rpc.client(EchoServiceDefinition, 'echo').unary(note)).frame.toString())
        return { health: () => ({ ready: true, checks: [] }), stop: async () => {} }
      },
    })

  test('waits until that one serves', async () => {
    const port = await freePort()
    const seen: string[] = []
    const waiting = start(front(seen), { ZEROG_FRONT_PEERS: `echo=127.0.0.1:${port}` })
    await start(echoModule(), { ZEROG_ECHO_GRPC_PORT: String(port) })
    await waiting
    expect(seen).toEqual(['x'])
  })

  test('gives up in time and says on whom it waited', async () => {
    const port = await freePort()
    const env = { ZEROG_FRONT_PEERS: `echo=127.0.0.1:${port}`, ZEROG_FRONT_DEPENDENCY_TIMEOUT_MS: '200' }
    await expect(start(front([]), env)).rejects.toThrow(/front needs echo, which did not serve within 200 ms: .*ECONNREFUSED/)
  })
})

describe('reflection', () => {
  const ask = (messageRequest: NonNullable<ServerReflectionRequest['messageRequest']>) =>
    ServerReflectionRequest.create({ messageRequest })

  test('lists the services and describes them with everything that they import', async () => {
    const running = await start(echoModule(), { ZEROG_ECHO_GRPC_PORT: '0' })
    const reflection = connect(running.services[0]?.grpc ?? '')(ServerReflectionDefinition)
    async function* questions() {
      yield ask({ $case: 'listServices', value: '' })
      yield ask({ $case: 'fileContainingSymbol', value: ChainServiceDefinition.fullName })
      yield ask({ $case: 'fileContainingSymbol', value: 'google.rpc.Status' })
      yield ask({ $case: 'fileByFilename', value: 'none.proto' })
    }
    const answers = await all(reflection.serverReflectionInfo(questions()))
    const [services, chain, status, none] = answers.map(({ messageResponse }) => messageResponse)
    expect(services).toMatchObject({
      value: { service: expect.arrayContaining([{ name: EchoServiceDefinition.fullName }, { name: HealthDefinition.fullName }]) },
    })
    expect(none).toMatchObject({ $case: 'errorResponse', value: { errorCode: 5 } })
    for (const [answer, symbol] of [
      [chain, 'zerog.chain.v1.ChainService'],
      [status, 'google.rpc.Status'],
    ] as const) {
      if (answer?.$case !== 'fileDescriptorResponse') throw new Error(`no descriptor for ${symbol}`)
      const file = answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes))
      const set = { $typeName: FileDescriptorSetSchema.typeName, file }
      const registry = createFileRegistry(set)
      expect(registry.getService(symbol) ?? registry.getMessage(symbol)).toBeDefined()
    }
  })

  test('is not there outside of the development network', async () => {
    const running = await start(echoModule(), { ZEROG_COMMON_CHAIN_ID: '4242' })
    const reflection = running.rpcAs('developer').client(ServerReflectionDefinition, 'echo')
    await expect(all(reflection.serverReflectionInfo((async function* () {})()))).rejects.toMatchObject({
      reason: 'UNIMPLEMENTED',
    })
  })
})
