import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@zerog/adapters/clock/system'
import { memoryBlobStore, memoryBus, memoryCache, memoryKv, memoryLeases, memoryLeaseTable } from '@zerog/adapters/memory'
import { cryptoRandom } from '@zerog/adapters/random/crypto'
import type { BlobStore, Bus, ChainClient, Clock, Kv, Leases, Logger, Random, Rpc, Sql } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { z } from 'zod'
import type { ModuleContext, RunningModule, ServiceModule } from './module.ts'
import { createHost } from './rpc/host.ts'
import { createInProcessNetwork, type InProcessNetwork } from './rpc/in-process.ts'
import { createModuleRpc } from './rpc/module-rpc.ts'
import { tracedBus } from './telemetry/bus.ts'
import { silentLogger } from './telemetry/logger.ts'
import { createMetrics, type Metrics } from './telemetry/meter.ts'
import { createTraces } from './telemetry/traces.ts'
import { createTracing, type Tracing } from './telemetry/tracing.ts'

/** What modules under test share: the channel between them, bus, cache, leases, metrics. Give one world to several contexts. */
export type TestWorld = {
  readonly network: InProcessNetwork
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  readonly tracing: Tracing
  readonly bus: Bus
  /** An Rpc port that calls as `identity`, e.g. `developer` or `gateway`. */
  readonly rpcAs: (identity: string) => Rpc
}

export type TestPorts = {
  readonly kv?: (name: string) => Promise<Kv>
  readonly blobs?: (name: string) => Promise<BlobStore>
  readonly sql?: () => Promise<Sql>
  readonly chain?: () => Promise<ChainClient>
  readonly leases?: () => Promise<Leases>
  readonly rpc?: Rpc
}

export type TestContext<Config> = {
  readonly context: ModuleContext<Config>
  readonly world: TestWorld
  /** Starts the module, lets its endpoints through and stops it when the context is closed. */
  readonly start: () => Promise<RunningModule>
  /** First error that the module called fatal. */
  readonly fatalError: () => unknown
  /** Drains, stops, closes the ports and removes the folder. */
  readonly close: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export function testWorld(given: Partial<Pick<TestWorld, 'clock' | 'random' | 'logger' | 'tracing' | 'bus'>> = {}): TestWorld {
  const network = createInProcessNetwork()
  const clock = given.clock ?? systemClock
  const random = given.random ?? cryptoRandom
  const metrics = createMetrics()
  const tracing = given.tracing ?? createTracing()
  const bus =
    given.bus ?? tracedBus(memoryBus({ clock }), { tracing, clock, meter: metrics.meter({ target: 'test', replica: '0' }) })
  return {
    network,
    clock,
    random,
    logger: given.logger ?? silentLogger,
    metrics,
    tracing,
    bus,
    rpcAs: (identity) =>
      createModuleRpc(
        { identity, network },
        { clock, random, tracing, meter: metrics.meter({ target: identity, replica: '0' }) },
      ),
  }
}

/**
 * A real ModuleContext in one process: in-process RPC, memory ports, system clock, no output. Nothing is mocked; ports that memory
 * cannot give (sql, chain) must be given. `await using test = await testContext({module})` closes it by itself.
 */
export async function testContext<Schema extends z.ZodType>(options: {
  readonly module: ServiceModule<Schema>
  readonly config?: z.input<Schema>
  readonly ports?: TestPorts
  readonly world?: TestWorld
  readonly instance?: number
  readonly chainId?: number
}): Promise<TestContext<z.output<Schema>>> {
  const { module, ports = {}, instance = 0, chainId = 31337 } = options
  const world = options.world ?? testWorld()
  const { clock, random, logger, tracing } = world
  const meter = world.metrics.meter({ target: module.target, replica: String(instance) })
  const config = module.config.parse(options.config ?? {})
  const dataDir = await mkdtemp(join(tmpdir(), `zerog-${module.target}-`))
  const host = createHost({ target: module.target, instance }, { clock, random, logger, tracing, meter, onBug: fatal })
  world.network.add(host)

  const stopping = new AbortController()
  let firstFatal: unknown
  function fatal(error: unknown) {
    firstFatal ??= error
    logger.error('module_failed', { target: module.target, error })
  }

  const leases = memoryLeases({ clock, table: memoryLeaseTable() })
  const cache = memoryCache({ clock })
  const kv = named(async () => memoryKv())
  const blobs = named(async () => memoryBlobStore())
  const context: ModuleContext<z.output<Schema>> = {
    target: module.target,
    instance,
    config,
    network: { chainId, development: chainId === 31337 },
    clock,
    random,
    logger: logger.child({ target: module.target }),
    meter,
    traces: createTraces(tracing),
    rpc:
      ports.rpc ?? createModuleRpc({ identity: module.target, network: world.network, host }, { clock, random, tracing, meter }),
    bus: async () => world.bus,
    sql: ports.sql ?? (() => missing('sql')),
    cache: async () => cache,
    leases: ports.leases ?? (async () => leases),
    kv: ports.kv ?? kv,
    blobs: ports.blobs ?? blobs,
    chain: ports.chain ?? (() => missing('chain')),
    dataDir,
    signal: stopping.signal,
    fatal,
  }

  let running: RunningModule | undefined
  let closed: Promise<void> | undefined
  async function shut() {
    host.refuse()
    await running?.drain?.()
    await host.drain(2_000)
    stopping.abort(new ZerogError('SHUTTING_DOWN', { message: 'the test has ended' }))
    await running?.stop()
    world.network.remove(host)
    await rm(dataDir, { recursive: true, force: true })
  }
  const close = () => {
    closed ??= shut()
    return closed
  }

  return {
    context,
    world,
    async start() {
      running = await module.start(context)
      host.open()
      return running
    },
    fatalError: () => firstFatal,
    close,
    [Symbol.asyncDispose]: close,
  }
}

function named<T>(make: (name: string) => Promise<T>): (name: string) => Promise<T> {
  const present = new Map<string, Promise<T>>()
  return (name) => {
    const found = present.get(name) ?? make(name)
    present.set(name, found)
    return found
  }
}

async function missing(port: string): Promise<never> {
  throw new ZerogError('WRONG_STATE', { message: `this test context has no ${port}; give it as ports.${port}` })
}
