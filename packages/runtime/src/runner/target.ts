import type { ChainClient, Clock, Logger, Random, Rpc } from '@zerog/ports'
import { type AssertionError, ZerogError } from '@zerog/primitives'
import { ChainServiceDefinition } from '@zerog/proto/chain'
import { HealthDefinition, HealthCheckResponse_ServingStatus as Serving } from '@zerog/proto/grpc/health'
import type { BaseConfig } from '../config/base.ts'
import { DEPENDENCY_POLL_FIRST_MS, DEPENDENCY_POLL_MAX_MS } from '../limits.ts'
import type { HealthReport, ModuleContext, RunningModule, ServiceModule } from '../module.ts'
import { createGrpcPeers, type GrpcPeers } from '../rpc/grpc-client.ts'
import { type GrpcServer, startGrpcServer } from '../rpc/grpc-server.ts'
import { serveHealth } from '../rpc/health.ts'
import { createHost, type RpcHost } from '../rpc/host.ts'
import type { InProcessNetwork } from '../rpc/in-process.ts'
import { createModuleRpc } from '../rpc/module-rpc.ts'
import { serveReflection } from '../rpc/reflection.ts'
import type { Metrics } from '../telemetry/meter.ts'
import { createTraces } from '../telemetry/traces.ts'
import type { Tracing } from '../telemetry/tracing.ts'
import { loadTlsIdentity, type TlsIdentity } from '../tls/credentials.ts'
import { boundedHealth } from './admin-server.ts'
import { within } from './deadline.ts'
import { observeDisk } from './disk.ts'
import { dataFolder, makeDataFolder, type ProcessPorts } from './ports.ts'

/** One replica of a target and everything that belongs to it alone. */
export type RunningTarget = {
  readonly target: string
  readonly instance: number
  readonly host: RpcHost
  readonly start: () => Promise<void>
  readonly health: () => Promise<HealthReport>
  readonly faces: () => Readonly<Record<string, string>>
  readonly grpcPort: () => number | undefined
  /** Refuses new calls, lets running ones end. True if nothing had to be cut. */
  readonly drain: (timeoutMs: number) => Promise<boolean>
  /** True if the module stopped by itself in time. */
  readonly stop: (timeoutMs: number) => Promise<boolean>
}

export type TargetDeps = {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
  readonly tracing: Tracing
  readonly network: InProcessNetwork
  readonly ports: ProcessPorts
  readonly fatal: (error: unknown) => void
  /** Aborts when somebody asked for the stop. */
  readonly stopping: AbortSignal
}

export function createTarget(
  options: { readonly module: ServiceModule; readonly instance: number; readonly base: BaseConfig; readonly config: unknown },
  deps: TargetDeps,
): RunningTarget {
  const { module, instance, base } = options
  const { target } = module
  const development = base.chainId === 31_337
  const { clock, random, logger, tracing, network } = deps
  const meter = deps.metrics.meter({ target, replica: String(instance) })
  const host = createHost(
    { target, instance },
    { clock, random, logger, meter, tracing, onBug: (error: AssertionError) => deps.fatal(error) },
  )
  serveHealth(host)
  network.add(host)
  const traces = createTraces(tracing)
  const ready = meter.gauge({ name: 'zerog_runtime_ready', help: '1 while this target takes traffic' })
  const stopped = new AbortController()
  let identity: TlsIdentity | undefined
  let peers: GrpcPeers | undefined
  let server: GrpcServer | undefined
  let running: RunningModule | undefined

  async function start() {
    const startedMs = clock.monotonicMs()
    const dataDir = dataFolder(base, target, instance)
    await makeDataFolder(dataDir)
    observeDisk(meter, dataDir)
    if (development) await serveReflection(host)
    const hasPeers = Object.keys(base.peers).length > 0
    if (base.grpcPort !== null || hasPeers) {
      identity = await loadTlsIdentity({ dir: base.tlsDir, network: base.network, target }, { clock, logger, meter })
    }
    if (identity !== undefined && hasPeers) peers = createGrpcPeers({ identity, peers: base.peers })
    const rpc = createModuleRpc(
      { identity: target, network, host, ...(peers === undefined ? {} : { peers }) },
      { clock, random, meter, tracing },
    )
    await untilDependenciesServe(rpc)
    running = await module.start(createContext(rpc, dataDir))
    host.open()
    if (identity !== undefined && base.grpcPort !== null) {
      server = await startGrpcServer({ host, identity, listen: { address: base.grpcAddress, port: base.grpcPort } })
    }
    ready.set(1)
    logger.info('target_ready', {
      instance,
      durationMs: Math.round(clock.monotonicMs() - startedMs),
      ...(server === undefined ? {} : { grpc: `${base.grpcAddress}:${server.port}` }),
      ...running.faces,
    })
  }

  function createContext(rpc: Rpc, dataDir: string): ModuleContext<unknown> {
    const { ports } = deps
    let chain: Promise<ChainClient> | undefined
    return {
      target,
      instance,
      config: options.config,
      network: { chainId: base.chainId, development },
      clock,
      random,
      logger,
      meter,
      traces,
      rpc,
      bus: () => ports.bus(base, { tracing, meter }),
      sql: () => ports.sql(base),
      cache: () => ports.cache(base),
      leases: () => ports.leases(base),
      kv: (name) => ports.kv(dataDir, name),
      blobs: (name) => ports.blobs(dataDir, name),
      chain() {
        chain ??= connectChain(rpc)
        return chain
      },
      dataDir,
      signal: stopped.signal,
      fatal: deps.fatal,
    }
  }

  async function connectChain(rpc: Rpc): Promise<ChainClient> {
    const known = base.chainTargets.find((name) => rpc.instances(name) > 0)
    if (known === undefined) {
      throw new ZerogError('CONFIG_INVALID', {
        message: `${target} follows the chain, but none of ${base.chainTargets.join(', ')} runs here or is named in peers; add one to peers`,
        metadata: { field: 'peers' },
      })
    }
    const { grpcChainClient } = await import('@zerog/adapters/chain-client/grpc')
    return grpcChainClient({ service: rpc.client(ChainServiceDefinition, known), clock, random, logger })
  }

  /** In other processes only: those of this process were started before. One serving replica of each is enough. */
  async function untilDependenciesServe(rpc: Rpc) {
    for (const dependency of module.dependsOn) {
      if (peers === undefined || peers.instances(dependency) === 0) continue
      const health = rpc.client(HealthDefinition, dependency)
      const endsMs = clock.monotonicMs() + base.dependencyTimeoutMs
      let told = false
      for (let pauseMs = DEPENDENCY_POLL_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, DEPENDENCY_POLL_MAX_MS)) {
        const problem = await health.check({ service: '' }, { timeoutMs: 2_000, retriesMax: 0, signal: deps.stopping }).then(
          ({ status }) =>
            status === Serving.SERVING ? undefined : new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'not ready yet' }),
          (error: unknown) => error,
        )
        if (problem === undefined) break
        if (!told) logger.info('dependency_awaited', { target, dependency, timeoutMs: base.dependencyTimeoutMs })
        told = true
        if (deps.stopping.aborted || clock.monotonicMs() + pauseMs > endsMs) throw dependencyMissing(dependency, problem)
        await clock.sleep(pauseMs, deps.stopping)
      }
    }
  }

  function dependencyMissing(dependency: string, cause: unknown): ZerogError {
    const why = cause instanceof Error ? cause.message : String(cause)
    return new ZerogError('DEPENDENCY_UNAVAILABLE', {
      message: `${target} needs ${dependency}, which did not serve within ${base.dependencyTimeoutMs} ms: ${why}`,
      metadata: { target: dependency },
      cause,
    })
  }

  async function drain(timeoutMs: number): Promise<boolean> {
    const endsMs = clock.monotonicMs() + timeoutMs
    const left = () => Math.max(0, endsMs - clock.monotonicMs())
    ready.set(0)
    host.refuse()
    const own = running?.drain
    const outcome = own === undefined ? { kind: 'done' as const } : await within(clock, left(), own)
    if (outcome.kind === 'failed') logger.error('drain_failed', { error: outcome.error })
    if (outcome.kind === 'late') logger.warn('drain_late', { timeoutMs })
    const whole = await host.drain(left())
    // What is still open now are idle connections and answers on their way; a second is plenty on any network.
    const closed = (await server?.close(Math.max(left(), 1_000))) ?? true
    return outcome.kind === 'done' && whole && closed
  }

  async function stop(timeoutMs: number): Promise<boolean> {
    stopped.abort(new ZerogError('SHUTTING_DOWN', { message: `${target} is stopping` }))
    const outcome = running === undefined ? { kind: 'done' as const } : await within(clock, timeoutMs, running.stop)
    if (outcome.kind === 'failed') logger.error('stop_failed', { error: outcome.error })
    if (outcome.kind === 'late') logger.error('stop_late', { timeoutMs })
    await server?.close(0)
    peers?.close()
    identity?.stop()
    network.remove(host)
    return outcome.kind === 'done'
  }

  async function health(): Promise<HealthReport> {
    const state = host.state()
    if (state !== 'serving' || running === undefined) {
      return { ready: false, checks: [{ name: 'lifecycle', ok: false, detail: state === 'refusing' ? 'stopping' : 'starting' }] }
    }
    const report = await boundedHealth(clock, running.health)
    ready.set(report.ready ? 1 : 0)
    return report
  }

  return {
    target,
    instance,
    host,
    start,
    health,
    faces: () => running?.faces ?? {},
    grpcPort: () => server?.port,
    drain,
    stop,
  }
}
