import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace'
import { systemClock } from '@zerog/adapters/clock/system'
import { memoryBus } from '@zerog/adapters/memory'
import { z } from 'zod'
import { defineModule } from '../src/module.ts'
import { EchoServiceDefinition, echoEndpoints } from '../src/rpc/echo-service.ts'
import { type Running, type RunOptions, run } from '../src/runner/run.ts'
import { createLogging } from '../src/telemetry/logger.ts'
import { createTracing } from '../src/telemetry/tracing.ts'
import { initAuthority, issueIdentity } from '../src/tls/authority.ts'

jest.setTimeout(30_000)

let dir: string
const processes: Running[] = []
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'zerog-traces-'))
  await initAuthority(dir, 'devnet')
  for (const target of ['gateway', 'worker']) await issueIdentity({ dir, network: 'devnet', target })
})
afterEach(async () => {
  for (const one of processes.splice(0).toReversed()) await one.stop()
  await rm(dir, { recursive: true, force: true })
})

test('one trace id crosses the in-process channel, a gRPC client and server, and the bus to a consumer, with its log lines', async () => {
  const exporter = new InMemorySpanExporter()
  exporter.shutdown = async () => {} // it would forget the spans
  const lines: string[] = []
  const consumed = Promise.withResolvers<void>()
  const note = { frame: Buffer.from('x'), height: 0n }

  const worker = defineModule({
    target: 'worker',
    dependsOn: [],
    config: z.strictObject({}),
    async start({ rpc, bus, logger }) {
      const shared = await bus()
      await shared.subscribe({ subject: 'zerog.test.v1.done', consumer: 'test' }, async () => {
        logger.info('consumed')
        consumed.resolve()
      })
      const handle = async <Note>(request: Note) => {
        logger.info('working')
        await shared.publish({ id: 'message-1', subject: 'zerog.test.v1.done', data: new Uint8Array() })
        return request
      }
      rpc.serve(EchoServiceDefinition, echoEndpoints({ unary: handle }, ['gateway']))
      return { health: () => ({ ready: true, checks: [] }), stop: async () => {} }
    },
  })
  const gateway = defineModule({
    target: 'gateway',
    dependsOn: ['worker'],
    config: z.strictObject({}),
    async start({ rpc }) {
      const next = rpc.client(EchoServiceDefinition, 'worker')
      rpc.serve(EchoServiceDefinition, echoEndpoints({ unary: (request) => next.unary(request) }, ['developer']))
      return { health: () => ({ ready: true, checks: [] }), stop: async () => {} }
    },
  })

  const shared = memoryBus({ clock: systemClock })
  async function start(module: typeof worker, env: Record<string, string>, extra: Partial<RunOptions> = {}): Promise<Running> {
    const one = await run({
      modules: [module],
      targets: ['all'],
      shape: 'embedded',
      env: { ZEROG_COMMON_DATA_DIR: dir, ZEROG_COMMON_TLS_DIR: dir, ZEROG_COMMON_POSTGRES_URL: 'memory', ...env },
      handleProcess: false,
      logging: createLogging({ sink: { write: (line) => void lines.push(line) } }),
      tracing: () => createTracing({ exporter }),
      ports: { postgresBus: async () => shared },
      ...extra,
    })
    processes.push(one)
    return one
  }
  const [service] = (await start(worker, { ZEROG_WORKER_GRPC_PORT: '0' })).services
  const front = await start(gateway, { ZEROG_GATEWAY_PEERS: `worker=${service?.grpc}` })
  await front.rpcAs('developer').client(EchoServiceDefinition, 'gateway').unary(note)
  await consumed.promise
  for (const one of processes.splice(0).toReversed()) await one.stop()

  const spans = exporter.getFinishedSpans().filter(({ name }) => !name.startsWith('grpc.health'))
  const label = 'zerog.test.v1.EchoService/Unary'
  expect(spans.map(({ name, kind }) => `${name} ${kind}`).toSorted()).toEqual(
    // SpanKind: server 1, client 2, producer 3, consumer 4
    [
      `${label} 1`,
      `${label} 1`,
      `${label} 2`,
      `${label} 2`,
      'process zerog.test.v1.done 4',
      'publish zerog.test.v1.done 3',
    ].toSorted(),
  )
  const traceIds = new Set(spans.map((span) => span.spanContext().traceId))
  expect(traceIds.size).toBe(1)
  const [traceId] = traceIds
  const logged = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'working' || event === 'consumed')
  expect(logged.map(({ event, trace_id }) => [event, trace_id])).toEqual([
    ['working', traceId],
    ['consumed', traceId],
  ])
})

test('spans are exported to the collector that is configured, at the latest when the process ends', async () => {
  const paths: string[] = []
  let names = ''
  const collector = createServer((request, response) => {
    paths.push(`${request.method} ${request.url}`)
    request.on('data', (chunk: Buffer) => {
      names += chunk.toString('latin1')
    })
    request.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'))
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  const { port } = collector.address() as { port: number }
  const echo = defineModule({
    target: 'worker',
    dependsOn: [],
    config: z.strictObject({}),
    async start({ rpc }) {
      rpc.serve(EchoServiceDefinition, echoEndpoints({}, ['developer']))
      return { health: () => ({ ready: true, checks: [] }), stop: async () => {} }
    },
  })
  const one = await run({
    modules: [echo],
    targets: ['all'],
    shape: 'embedded',
    env: { ZEROG_COMMON_DATA_DIR: dir, ZEROG_WORKER_OTLP_ENDPOINT: `http://127.0.0.1:${port}/` },
    handleProcess: false,
    logging: createLogging({ sink: { write() {} } }),
  })
  await one
    .rpcAs('developer')
    .client(EchoServiceDefinition, 'worker')
    .unary({ frame: Buffer.alloc(0), height: 0n })
  await one.stop()
  collector.closeAllConnections()
  collector.close()
  expect(paths).toEqual(['POST /v1/traces'])
  for (const text of ['zerog-worker', 'zerog.test.v1.EchoService/Unary']) expect(names).toContain(text)
})
