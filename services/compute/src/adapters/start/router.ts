import { setImmediate } from 'node:timers/promises'
import { addresses, developmentAccounts } from '@zerog/contracts'
import { receiptDomain } from '@zerog/evidence'
import { type Hex, ZerogError } from '@zerog/primitives'
import type { ModuleContext, RunningModule } from '@zerog/runtime'
import { createAttempts } from '../../app/router/attempt.ts'
import { createBooks } from '../../app/router/books.ts'
import { createBrokerApi } from '../../app/router/broker-api.ts'
import { createDirectory, type Directory } from '../../app/router/directory.ts'
import { createEvidenceReader } from '../../app/router/evidence.ts'
import { createFunding, type Funding } from '../../app/router/funding.ts'
import { createIdempotency } from '../../app/router/idempotency.ts'
import { createJournal } from '../../app/router/journal.ts'
import { createKeys } from '../../app/router/keys.ts'
import { createLineageReader } from '../../app/router/lineage.ts'
import { createRouterMetrics } from '../../app/router/metrics.ts'
import type { RouterRepository } from '../../app/router/ports.ts'
import { createRouter } from '../../app/router/router.ts'
import { createSessions } from '../../app/router/sessions.ts'
import type { ComputeRouterConfig } from '../../config.ts'
import { isUsable } from '../../core/router/health.ts'
import { isPrivateUrl } from '../../core/router/private-address.ts'
import { LIMITS } from '../../limits.ts'
import { routerChain } from '../chain/router-chain.ts'
import { transactionSender } from '../chain/sender.ts'
import { nodeHashing } from '../curve.ts'
import { closeServer } from '../http/close-server.ts'
import { createHttpClient } from '../http/http-client.ts'
import { keyRecord, registerAdmin } from '../http/router/admin-routes.ts'
import { registerEvidence } from '../http/router/evidence-routes.ts'
import { registerGenerations } from '../http/router/generation-routes.ts'
import { registerReads } from '../http/router/read-routes.ts'
import { createRouterServer } from '../http/router/server.ts'
import { tracedHttp } from '../http/traced-http.ts'
import { routerSigner } from '../router-signer.ts'
import { sqlRouterRepository } from '../sql/router-repository.ts'

type Context = ModuleContext<ComputeRouterConfig>

export async function startRouter(context: Context): Promise<RunningModule> {
  return startRouterWith(context, async ({ sql }) => sqlRouterRepository(await sql()))
}

/** Puts the router together; with other books for tests. */
export async function startRouterWith(
  context: Context,
  openRepository: (context: Context) => Promise<RouterRepository>,
): Promise<RunningModule> {
  const { config, clock, logger, random, network, meter } = context
  const privateKey = accountKey(context)
  const signer = routerSigner(privateKey)
  const holder = `${context.target}-${context.instance}`
  const chainId = BigInt(network.chainId)
  const at = addresses({ chainId })
  const repository = await openRepository(context)
  // Nothing of an earlier run of this instance runs any more.
  await repository.releaseGrants(holder)
  await repository.cleanIdempotency({ holder, nowMs: clock.nowMs() })
  await ensureDevelopmentKey(context, repository)

  const chain = await openChain(context, { privateKey, address: signer.address })
  const http = tracedHttp(createHttpClient(), context.traces)
  const metrics = createRouterMetrics(meter)
  const acceptUrl = (url: string) => network.development || config.privateProviders || !isPrivateUrl(url)
  const directory = createDirectory({ chain, http, clock, logger, acceptUrl })
  const funding = createFunding(
    {
      accountMin: BigInt(config.accountMinWei),
      accountTarget: BigInt(config.accountTargetWei),
      ledgerMin: BigInt(config.ledgerMinWei),
    },
    { chain, clock, logger },
  )
  const sessions = createSessions({ chain, signer, clock, random })
  const gather = (urgent: boolean) => (urgent ? setImmediate() : clock.sleep(LIMITS.router.gatherMs))
  const journal = createJournal({ repository, holder, logger, gather })
  const stopping = new AbortController()
  const { signal } = stopping
  const domain = receiptDomain({ chainId, receiptAnchor: at.receiptAnchor })
  const books = createBooks(
    { domain, gatherMs: LIMITS.router.acknowledgeGatherMs },
    { broker: createBrokerApi({ http, sessions, signer, domain }), journal, repository, signer, clock, logger, metrics, signal },
  )
  const keys = createKeys({ keyTtlMs: config.keyTtlMs, holder }, { repository, clock })
  const onEmpty = (provider: Hex) => {
    funding.ensure(provider).catch((error) => logger.warn('provider_not_funded', { provider, error }))
  }
  const attempts = createAttempts({ headMs: config.providerHeadMs }, { http, sessions, directory, clock, metrics, onEmpty })
  const sha256 = { whole: nodeHashing.sha256, stream: nodeHashing.sha256Stream }
  const router = createRouter({ keys, directory, attempts, books, clock, random, logger, metrics, sha256 })
  const idempotency = createIdempotency({ holder }, { repository, clock, logger, metrics })

  const server = createRouterServer({ bodyBytesMax: config.bodyBytesMax }, { random, traces: context.traces })
  const { app } = server
  registerGenerations(server, { router, keys, idempotency, metrics, clock, logger })
  registerReads(app, { directory, keys, repository, nowMs: () => clock.nowMs() })
  const evidence = createEvidenceReader({ http, sessions })
  const lineage = createLineageReader({ http, sessions, repository })
  registerEvidence(app, { directory, keys, repository, evidence, lineage, written: () => journal.add({}), signal })
  registerAdmin(app, { token: config.adminToken }, { repository, keys, clock, random })
  observe(context, { directory, pending: () => journal.pending, unacknowledged: () => books.unacknowledged })

  const fund = () => fundAll(directory, funding)
  const known = new Set<Hex>()
  const refresh = async () => {
    await directory.refresh(signal)
    // A provider that is new is paid before the first customer needs it.
    for (const { service } of directory.providers()) {
      if (!known.has(service.provider)) onEmpty(service.provider)
      known.add(service.provider)
    }
  }
  const waitUntilMs = clock.monotonicMs() + config.firstProviderWaitMs
  for (;;) {
    await refresh().catch((error) => logger.warn('providers_not_read', { error }))
    if (
      directory.providers().some(({ health }) => isUsable(health, clock.nowMs())) ||
      clock.monotonicMs() >= waitUntilMs ||
      signal.aborted
    )
      break
    await clock.sleep(LIMITS.router.firstProviderPauseMs, signal).catch(() => {})
  }
  // A provider answers once it holds the money for it.
  if (config.firstProviderWaitMs > 0) await fund().catch((error) => logger.warn('balances_not_read', { error }))
  await books.resume((address) => directory.providers().find(({ service }) => service.provider === address))
  // Only now: before the providers are known every model would be refused as unknown.
  const listening = await app.listen({ host: config.host, port: config.port }).catch((error) => {
    throw listenFailed(error, config)
  })
  const routerUrl = config.publicUrl === '' ? listening : config.publicUrl.replace(/\/$/, '')
  const clean = () => repository.cleanIdempotency({ holder: undefined, nowMs: clock.nowMs() })
  const loops = [
    loop(context, { signal, intervalMs: config.refreshMs, failure: 'providers_not_read' }, refresh),
    loop(context, { signal, intervalMs: config.fundingMs, failure: 'balances_not_read' }, fund),
    loop(context, { signal, intervalMs: LIMITS.router.cleanMs, failure: 'answers_not_cleaned' }, clean),
  ]
  let draining = false
  return {
    faces: { routerUrl },
    health: () => healthOf(directory, clock.nowMs(), draining),
    async drain() {
      draining = true
      await closeServer(app, { clock, limitMs: LIMITS.router.drainMs })
      const late = Promise.withResolvers<void>()
      const cancelLate = clock.after(LIMITS.router.drainMs, late.resolve)
      await Promise.race([books.idle().then(() => journal.idle()), late.promise])
      cancelLate()
    },
    async stop() {
      stopping.abort()
      await app.close()
      await Promise.all(loops)
      await journal.idle()
      await repository.releaseGrants(holder)
      http.close()
    },
  }
}

async function openChain(context: Context, of: { readonly privateKey: Hex; readonly address: Hex }) {
  const { config, clock, network } = context
  const client = await context.chain()
  const options = {
    privateKey: of.privateKey,
    chainId: network.chainId,
    maxFeePerGasWei: BigInt(config.maxFeePerGasWei),
    maxPriorityFeePerGasWei: BigInt(config.maxPriorityFeePerGasWei),
  }
  const sender = transactionSender(options, client)
  const at = { ...addresses({ chainId: BigInt(network.chainId) }), address: of.address }
  return routerChain(at, { chain: client, sender, clock })
}

async function fundAll(directory: Directory, funding: Funding): Promise<void> {
  for (const { service } of directory.providers()) await funding.ensure(service.provider)
}

async function loop(
  { clock, logger }: Context,
  of: { readonly signal: AbortSignal; readonly intervalMs: number; readonly failure: string },
  run: () => Promise<void>,
): Promise<void> {
  while (!of.signal.aborted) {
    await clock.sleep(of.intervalMs, of.signal).catch(() => {})
    if (of.signal.aborted) return
    await run().catch((error) => logger.warn(of.failure, { error }))
  }
}

function healthOf(directory: Directory, nowMs: number, draining: boolean) {
  const providers = directory.providers()
  const up = providers.filter(({ health }) => isUsable(health, nowMs)).length
  const detail = providers.length === 0 ? 'no provider is registered on chain' : `${up} of ${providers.length} answer`
  return { ready: !draining, checks: [{ name: 'providers', ok: up > 0, detail }] }
}

/** The account that pays: as configured, or on the development network the eighth public one. */
function accountKey({ config, network, instance }: Context): Hex {
  if (config.privateKey !== null) return config.privateKey as Hex // the schema checked its form
  const account = network.development && instance === 0 ? developmentAccounts()[7] : undefined
  if (account !== undefined) return account.privateKey
  throw new ZerogError('CONFIG_INVALID', {
    message: 'privateKey is not set: give the key of the account that pays providers by ZEROG_COMPUTE_ROUTER_PRIVATE_KEY_FILE',
    metadata: { field: 'privateKey' },
  })
}

async function ensureDevelopmentKey({ config, network, clock }: Context, repository: RouterRepository): Promise<void> {
  if (config.developmentKey === null) return
  if (!network.development) {
    throw new ZerogError('CONFIG_INVALID', {
      message: 'developmentKey is only for the development network (chain id 31337)',
      metadata: { field: 'developmentKey' },
    })
  }
  const limits = { requestsPerMinute: undefined, tokensPerMinute: undefined }
  const of = { nowMs: clock.nowMs(), id: 'key_development' }
  await repository.createKey(keyRecord(config.developmentKey, { name: 'development', budget: null, limits }, of).record)
}

function observe(
  { meter, clock }: Context,
  of: { readonly directory: Directory; readonly pending: () => number; readonly unacknowledged: () => number },
): void {
  meter.gauge({
    name: 'zerog_compute_router_providers_up_count',
    help: 'Providers whose circuit is closed.',
    read: () => of.directory.providers().filter(({ health }) => isUsable(health, clock.nowMs())).length,
  })
  meter.gauge({
    name: 'zerog_compute_router_providers_count',
    help: 'Providers on chain that this router may ask.',
    read: () => of.directory.providers().length,
  })
  meter.gauge({
    name: 'zerog_compute_router_journal_pending_count',
    help: 'Entries of the books that are not durable yet.',
    read: of.pending,
  })
  meter.gauge({
    name: 'zerog_compute_router_unacknowledged_count',
    help: 'Receipts that were not acknowledged to their provider yet.',
    read: of.unacknowledged,
  })
}

function listenFailed(cause: unknown, { host, port }: ComputeRouterConfig): unknown {
  if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') return cause
  return new ZerogError('PORT_IN_USE', {
    message: `port ${port} is taken by another program; stop it or set ZEROG_COMPUTE_ROUTER_PORT (0 takes a free one)`,
    metadata: { host, port: String(port), target: 'compute-router' },
    cause,
  })
}
