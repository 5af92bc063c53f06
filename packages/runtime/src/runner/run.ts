import { systemClock } from '@zerog/adapters/clock/system'
import { cryptoRandom } from '@zerog/adapters/random/crypto'
import type { Rpc } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { BaseConfig } from '../config/base.ts'
import type { Environment } from '../config/environment.ts'
import { loadConfig } from '../config/load.ts'
import { ORPHAN_EXIT_MS } from '../limits.ts'
import type { ServiceModule } from '../module.ts'
import { createInProcessNetwork } from '../rpc/in-process.ts'
import { checkPortFree, type Listen } from '../rpc/listen.ts'
import { createModuleRpc } from '../rpc/module-rpc.ts'
import { createLogging, type Logging } from '../telemetry/logger.ts'
import { createMetrics } from '../telemetry/meter.ts'
import { createTracing, type Tracing } from '../telemetry/tracing.ts'
import { type AdminServer, type ProcessHealth, startAdminServer } from './admin-server.ts'
import { within } from './deadline.ts'
import { defaultPortFactories } from './default-ports.ts'
import { orderTargets, type TargetRequest } from './order.ts'
import { createProcessPorts, type PortFactories, type Shape } from './ports.ts'
import { type ProcessEvents, watchProcess, writeLine } from './process-events.ts'
import { createTarget, type RunningTarget } from './target.ts'

export type RunOptions = {
  /** Every module that exists; which ones run say `targets`. */
  readonly modules: readonly ServiceModule<any>[]
  /** Names, `all`, or single replicas with settings of the launcher. */
  readonly targets: readonly (string | TargetRequest)[]
  /** Names of targets whose modules are not loaded here, so that their sections of a shared file are not taken for mistakes. */
  readonly knownTargets?: readonly string[]
  readonly shape: Shape
  readonly env?: Environment
  /** YAML with the sections `common` and one per target. */
  readonly configFile?: string
  /** Of the one admin server of this process. Default: what the targets configure. */
  readonly admin?: Listen
  /** Take signals and uncaught errors of the process. Default true; off in tests and inside the launcher. */
  readonly handleProcess?: boolean
  /** Stop when stdin ends or the IPC channel closes: the launcher holds the other end. */
  readonly dieWithParent?: boolean
  readonly onProgress?: (event: {
    readonly target: string
    readonly instance: number
    readonly state: 'starting' | 'ready' | 'draining' | 'stopped'
  }) => void
  /** For tests: where logs, traces and data go. */
  readonly logging?: Logging
  readonly tracing?: (target: string, base: BaseConfig) => Tracing
  readonly ports?: Partial<PortFactories>
}

export type RunningService = {
  readonly target: string
  readonly instance: number
  /** `host:port`, absent without a gRPC server. */
  readonly grpc?: string
  readonly faces: Readonly<Record<string, string>>
}

export type Running = {
  readonly services: readonly RunningService[]
  /** `host:port`, absent without an admin server. */
  readonly admin?: string
  readonly health: () => Promise<ProcessHealth>
  /** Calls targets of this process in the name of `identity`, e.g. `developer`. */
  readonly rpcAs: (identity: string) => Rpc
  /** Drains, stops in reverse order, closes, flushes. Calling it again gives the same promise. */
  readonly stop: (why?: string) => Promise<Ended>
  /** How it ended: by signal, `stop` or a fatal error. Never rejects. */
  readonly ended: Promise<Ended>
}

export type Ended = {
  /** For process.exit: 0 after an orderly stop, 1 after a fatal error or a stop that was not clean. */
  readonly code: number
  readonly why: string
  readonly error?: unknown
}

/** Starts the targets in the order of their dependencies; resolves when all are ready, rejects when one cannot start. */
export async function run(options: RunOptions): Promise<Running> {
  const env = options.env ?? process.env
  const clock = systemClock
  const random = cryptoRandom
  const names = [...new Set([...options.modules.map(({ target }) => target), ...(options.knownTargets ?? [])])]
  const planned = orderTargets(options.modules, options.targets).map(({ module, request }) => {
    const { base, module: config } = loadConfig({
      target: module.target,
      schema: module.config,
      env,
      targets: names,
      ...(options.configFile === undefined ? {} : { file: options.configFile }),
      ...(request.overrides === undefined ? {} : { overrides: request.overrides }),
    })
    return { module, base, config, instance: request.instance ?? base.instance }
  })
  const adminListen = options.admin ?? adminOf(planned.map(({ base }) => base))
  await checkPorts(planned, adminListen)

  const logging = options.logging ?? createLogging()
  const logger = logging.logger(planned[0]?.base.logLevel ?? 'info')
  const metrics = createMetrics({ process: true })
  const network = createInProcessNetwork()
  const stopping = new AbortController()
  const closing = new AbortController()
  const ports = createProcessPorts(
    { shape: options.shape, factories: { ...defaultPortFactories(closing.signal), ...options.ports } },
    { clock, logger },
  )
  const { promise: ended, resolve: finish } = Promise.withResolvers<Ended>()
  const serverUp = metrics.meter().gauge({
    name: 'zerog_runtime_server_up',
    help: '1 while a server that this process is connected to (postgres, nats, redis) answers it.',
    labels: ['server'],
  })
  const beforeScrape = async () => {
    for (const [server, isUp] of await ports.probe()) serverUp.set(isUp ? 1 : 0, { server })
  }
  const tracings: Tracing[] = []
  let events: ProcessEvents | undefined
  let admin: AdminServer | undefined
  let stop: Promise<Ended> | undefined
  let fatalError: { readonly error: unknown } | undefined

  const targets = planned.map(({ module, base, config, instance }) => {
    const tracing = (options.tracing ?? tracingOf)(module.target, base)
    tracings.push(tracing)
    return createTarget(
      { module, base, config, instance },
      {
        clock,
        random,
        logger: logging.logger(base.logLevel, { target: module.target, ...(instance === 0 ? {} : { instance }) }),
        metrics,
        tracing,
        network,
        ports,
        fatal: (error) => fatal(module.target, error),
        stopping: stopping.signal,
      },
    )
  })

  function fatal(target: string, error: unknown) {
    fatalError ??= { error }
    logger.error('target_failed', { target, error })
    void shutDown(`${target} failed`)
  }

  async function health(): Promise<ProcessHealth> {
    const reports = await Promise.all(targets.map(async (target) => [nameOf(target), await target.health()] as const))
    const ready = !stopping.signal.aborted && reports.every(([, report]) => report.ready)
    return { ready, targets: Object.fromEntries(reports) }
  }

  function shutDown(why: string): Promise<Ended> {
    stop ??= stopAll(why)
    return stop
  }

  async function stopAll(why: string): Promise<Ended> {
    logger.info('stopping', { why })
    stopping.abort(new ZerogError('SHUTTING_DOWN', { message: why }))
    let clean = true
    const reverse = targets.toReversed()
    const drainEndsMs = clock.monotonicMs() + Math.max(...planned.map(({ base }) => base.drainTimeoutMs))
    for (const target of reverse) {
      options.onProgress?.({ target: target.target, instance: target.instance, state: 'draining' })
      // Those that depend on others drain first: what they still have in hand may need the others.
      if (!(await target.drain(Math.max(0, drainEndsMs - clock.monotonicMs()))))
        logger.warn('drain_incomplete', { target: target.target })
    }
    const stopMs = Math.max(...planned.map(({ base }) => base.stopTimeoutMs))
    for (const target of reverse) {
      clean = (await target.stop(stopMs)) && clean
      options.onProgress?.({ target: target.target, instance: target.instance, state: 'stopped' })
    }
    closing.abort()
    const closed = await within(clock, stopMs, async () => {
      const failures = await ports.close()
      for (const error of failures) logger.error('port_not_closed', { error })
      if (failures.length > 0) clean = false
    })
    if (closed.kind !== 'done') clean = false
    await within(clock, stopMs, () => Promise.all(tracings.map((tracing) => tracing.stop())))
    await admin?.close()
    events?.stop()
    const outcome: Ended = { code: clean && fatalError === undefined ? 0 : 1, why, ...fatalError }
    logger.info('stopped', { why, code: outcome.code })
    finish(outcome)
    return outcome
  }

  if (options.handleProcess !== false) {
    events = watchProcess({
      dieWithParent: options.dieWithParent === true,
      onStop(why) {
        if (why === 'the launcher died') setTimeout(() => process.exit(1), ORPHAN_EXIT_MS).unref()
        void shutDown(why)
      },
    })
  }

  try {
    if (adminListen !== undefined) admin = await startAdminServer({ listen: adminListen, health, metrics, beforeScrape })
    for (const target of targets) {
      stopping.signal.throwIfAborted()
      options.onProgress?.({ target: target.target, instance: target.instance, state: 'starting' })
      await target.start()
      options.onProgress?.({ target: target.target, instance: target.instance, state: 'ready' })
    }
    stopping.signal.throwIfAborted()
  } catch (error) {
    if (!stopping.signal.aborted) {
      logger.error('start_failed', { error })
      fatalError ??= { error }
    }
    await shutDown('a target could not start')
    throw fatalError === undefined ? error : fatalError.error
  }

  return {
    services: targets.map((target, index) => describe(target, planned[index]?.base)),
    ...(admin === undefined || adminListen === undefined ? {} : { admin: `${adminListen.address}:${admin.port}` }),
    health,
    rpcAs: (identity) =>
      createModuleRpc(
        { identity, network },
        { clock, random, meter: metrics.meter({ target: identity, replica: '0' }), tracing: tracings[0] ?? createTracing() },
      ),
    stop: (why = 'asked to stop') => shutDown(why),
    ended,
  }
}

/** `run` for a process that does nothing else: ends it with the right code and, when it cannot start, one line that says why. */
export async function runProcess(options: RunOptions): Promise<never> {
  try {
    const { ended } = await run(options)
    process.exit((await ended).code)
  } catch (error) {
    writeLine(`zerog: ${error instanceof Error ? error.message : String(error)}`)
    process.exit(error instanceof ZerogError && error.reason === 'CONFIG_INVALID' ? 2 : 1)
  }
}

async function checkPorts(planned: readonly { readonly base: BaseConfig }[], admin: Listen | undefined): Promise<void> {
  const listens = planned.flatMap(({ base }) =>
    base.grpcPort === null ? [] : [{ address: base.grpcAddress, port: base.grpcPort }],
  )
  for (const listen of admin === undefined ? listens : [...listens, admin]) await checkPortFree(listen)
}

function adminOf(bases: readonly BaseConfig[]): Listen | undefined {
  const wanted = bases.flatMap(({ adminAddress, adminPort }) =>
    adminPort === null ? [] : [{ address: adminAddress, port: adminPort }],
  )
  const [first] = wanted
  const other = wanted.find(({ address, port }) => address !== first?.address || port !== first.port)
  if (first === undefined || other === undefined) return first
  throw new ZerogError('CONFIG_INVALID', {
    message: `one process has one admin server, but adminPort is ${first.port} for one target and ${other.port} for another; set ZEROG_COMMON_ADMIN_PORT`,
    metadata: { field: 'adminPort' },
  })
}

function tracingOf(target: string, base: BaseConfig): Tracing {
  return createTracing({
    endpoint: base.otlpEndpoint ?? undefined,
    attributes: { 'service.name': `zerog-${target}`, 'zerog.network': base.network },
  })
}

function nameOf({ target, instance }: { readonly target: string; readonly instance: number }): string {
  return `${target}-${instance}`
}

function describe(target: RunningTarget, base: BaseConfig | undefined): RunningService {
  const port = target.grpcPort()
  return {
    target: target.target,
    instance: target.instance,
    ...(port === undefined || base === undefined ? {} : { grpc: `${base.grpcAddress}:${port}` }),
    faces: target.faces(),
  }
}
