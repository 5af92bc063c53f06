import { addresses } from '@zerog/contracts'
import { receiptDomain } from '@zerog/evidence'
import { type Hex, ZerogError } from '@zerog/primitives'
import type { ModuleContext, RunningModule } from '@zerog/runtime'
import { privateKeyToAddress } from 'viem/accounts'
import { createAccounts } from '../../app/broker/accounts.ts'
import { createBatchTraces } from '../../app/broker/batch-traces.ts'
import { createBroker } from '../../app/broker/broker.ts'
import { createModelRegistration } from '../../app/broker/evidence-models.ts'
import type { EvidenceRepository } from '../../app/broker/evidence-ports.ts'
import { followThroughOutages } from '../../app/broker/follow.ts'
import { createHeights } from '../../app/broker/heights.ts'
import { createJournal } from '../../app/broker/journal.ts'
import type { LineageRepository } from '../../app/broker/lineage.ts'
import { runLeased, runLoop } from '../../app/broker/loop.ts'
import { brokerMetrics } from '../../app/broker/metrics.ts'
import type { ProviderEvent } from '../../app/broker/ports.ts'
import { createReceiptMaker } from '../../app/broker/receipt-maker.ts'
import { createRegistration } from '../../app/broker/registration.ts'
import type { BrokerRepository } from '../../app/broker/repository.ts'
import { createSettlement } from '../../app/broker/settlement.ts'
import { createWorkers } from '../../app/broker/workers.ts'
import type { ComputeBrokerConfig } from '../../config.ts'
import { LIMITS } from '../../limits.ts'
import { providerChain } from '../chain/provider-chain.ts'
import { readProviderEvents } from '../chain/provider-events.ts'
import { providerRequests } from '../chain/requests.ts'
import { transactionSender } from '../chain/sender.ts'
import { answerSigner, curveEngine, nodeHashing, recoverDigest, recoverToken } from '../curve.ts'
import { daReceiptPublisher } from '../da/receipt-publisher.ts'
import { registerAnswerRoutes } from '../http/broker/answer-routes.ts'
import { registerEvidenceRoutes } from '../http/broker/evidence-routes.ts'
import { registerProviderRoutes } from '../http/broker/provider-routes.ts'
import { registerProxyRoutes } from '../http/broker/proxy-routes.ts'
import { createBrokerServer } from '../http/broker/server.ts'
import { closeServer } from '../http/close-server.ts'
import { providerKey, signerKey } from '../identity/keys.ts'
import { sqlBrokerRepository } from '../sql/broker-repository.ts'
import { memoryEvidenceRepository } from '../sql/evidence-memory-repository.ts'
import { sqlEvidenceRepository } from '../sql/evidence-repository.ts'
import { sqlLineageRepository } from '../sql/lineage-repository.ts'
import { rpcWorkerConnector } from '../worker-connector.ts'
import { startEvidence } from './evidence.ts'
import { withOwnUpstreams } from './own-upstreams.ts'
import { modelTerms, priceList } from './prices.ts'

type Context = ModuleContext<ComputeBrokerConfig>
type OpenRepository = (context: Context, provider: Hex) => Promise<BrokerRepository>
type OpenEvidence = (
  context: Context,
  provider: Hex,
) => Promise<{ readonly evidence: EvidenceRepository; readonly lineage: LineageRepository }>

const LIMIT = LIMITS.broker

export function startBroker(context: Context): Promise<RunningModule> {
  return startBrokerWith(
    context,
    async ({ sql }, provider) => sqlBrokerRepository(await sql(), provider),
    async ({ sql }, provider) => ({
      evidence: await sqlEvidenceRepository(await sql(), provider),
      lineage: sqlLineageRepository(await sql(), provider),
    }),
  )
}

/** Puts the broker together; with other repositories for tests. */
export async function startBrokerWith(
  context: Context,
  openRepository: OpenRepository,
  openEvidence: OpenEvidence = async () => ({ evidence: memoryEvidenceRepository(), lineage: NO_LINEAGE }),
): Promise<RunningModule> {
  const { config, clock, logger, random, network, instance } = context
  const key = providerKey({ configured: config.providerKey, development: network.development, instance })
  const provider = privateKeyToAddress(key).toLowerCase() as Hex // viem gives 0x and 40 digits
  const signer = answerSigner(await signerKey({ configured: config.signerKey, dataDir: context.dataDir, random }))
  const chainId = BigInt(network.chainId)
  const at = { ...addresses({ chainId }), chainId, provider }
  const domain = receiptDomain({ chainId, receiptAnchor: at.receiptAnchor })
  logger.info('broker_starting', { provider, signer: signer.address, signerKind: 'software', curve: curveEngine })

  const repository = await openRepository(context, provider)
  const client = await context.chain()
  const chain = providerChain(at, client)
  const heights = createHeights({ waitMs: LIMIT.caughtUpMs }, { head: async () => (await client.head()).height, clock })
  const accounts = createAccounts(
    { factsMs: config.factsMs, accountsMax: LIMIT.accountsMax },
    {
      read: (user) => chain.account(user),
      unsettled: (user) => repository.unsettled(user),
      unacknowledged: (user) => repository.unacknowledgedCount(user, clock.nowMs() - LIMIT.unacknowledgedWindowMs),
      clock,
    },
  )
  const sells = new Set(config.sells)
  const upstreams = await withOwnUpstreams(context, rpcWorkerConnector(context.rpc))
  const workers = createWorkers(
    { timeoutMs: LIMIT.workerTimeoutMs, accepts: ({ engine }) => sells.has(engine) },
    { connector: upstreams.connector, clock, logger },
  )
  const metrics = brokerMetrics(context.meter, {
    running: () => broker.running(),
    reservedWei: () => accounts.reservedWei(),
    workers: () => workers.reachable().count,
    height: () => heights.current() ?? -1n,
  })
  const journal = createJournal(
    { batchMax: LIMIT.journalBatchMax, waitingMax: LIMIT.journalWaitingMax },
    { repository, gather: () => clock.sleep(LIMIT.fatesGatherMs), metrics, clock },
  )
  const priceOf = priceList(config)
  const receiptMaker = createReceiptMaker({ provider, domain, acknowledgeMs: config.acknowledgeMs }, { signer, random, clock })
  const batchTraces = createBatchTraces(context.traces)
  const broker = createBroker(
    {
      ...LIMIT,
      provider,
      domain,
      requestsAtOnceMax: config.requestsAtOnceMax,
      requestsPerAccountMax: config.requestsPerAccountMax,
      completionTokensDefault: config.completionTokensDefault,
      limits: { ...LIMIT, ...config },
    },
    {
      repository,
      journal,
      accounts,
      heights,
      workers,
      hashing: nodeHashing,
      recoverToken,
      recoverDigest,
      makeReceipt(of) {
        const record = receiptMaker(of)
        batchTraces.remember(record.id)
        return record
      },
      priceOf,
      metrics,
      clock,
      random,
      logger,
    },
  )

  const publishes = config.publish === 'da' || (config.publish === 'auto' && context.rpc.instances('da-disperser') > 0)
  const opened = await openEvidence(context, provider)
  const evidence = startEvidence(context, { at, publishes, repository: opened.evidence, books: repository })
  const server = createBrokerServer({ bodyBytesMax: LIMIT.bodyBytesMax }, { random, traces: context.traces })
  const { app } = server
  registerProxyRoutes(server, { broker, metrics, clock, logger })
  registerAnswerRoutes(app, { signer, chainId, receiptAnchor: at.receiptAnchor }, { broker, repository })
  registerEvidenceRoutes(app, { broker, desk: evidence.desk, lineage: opened.lineage })
  registerProviderRoutes(app, { signer: signer.address, provider, chainId }, { broker, sha256: nodeHashing.sha256 })
  const listening = await app.listen({ host: config.host, port: config.port }).catch((error) => {
    throw listenFailed(error, config)
  })
  const brokerUrl = config.publicUrl === '' ? listening : config.publicUrl.replace(/\/$/, '')

  const requests = providerRequests(at, signer)
  const sender = transactionSender(
    {
      privateKey: key,
      chainId: network.chainId,
      maxFeePerGasWei: BigInt(config.maxFeePerGasWei),
      maxPriorityFeePerGasWei: BigInt(config.maxPriorityFeePerGasWei),
    },
    client,
  )
  const registration = createRegistration(
    {
      url: brokerUrl,
      signer: signer.address,
      defaultModel: config.defaultModel === '' ? undefined : config.defaultModel,
      stakeWei: BigInt(config.stakeWei),
      checkMs: LIMIT.registrationCheckMs,
    },
    {
      models: () => workers.models().map((model) => ({ ...model, price: priceOf(model.id) })),
      service: () => chain.service(),
      sender,
      encode: requests,
      caughtUp: () => heights.caughtUp(),
      clock,
      logger,
    },
  )
  const modelRegistration = createModelRegistration(
    { terms: modelTerms(config), checkMs: LIMIT.registrationCheckMs },
    {
      models: () => workers.models(),
      ownerOf: (root) => chain.modelOwner(root),
      encode: (model) => requests.registerModel(model),
      sender,
      caughtUp: () => heights.caughtUp(),
      clock,
      logger,
    },
  )
  const settlement = createSettlement(
    {
      chainId,
      provider,
      usersMax: LIMIT.batchUsersMax,
      receiptsPerUserMax: LIMIT.batchReceiptsPerUserMax,
      settleAfterMs: config.settleAfterMs,
      settleAmountWei: BigInt(config.settleAmountWei),
      retryAfterMs: config.settleRetryMs,
      stuckAfterMs: config.stuckAfterMs,
    },
    {
      repository,
      chain,
      publisher: publishes ? daReceiptPublisher(context.rpc) : undefined,
      sender,
      encode: requests,
      caughtUp: () => heights.caughtUp(),
      onSettled: (user) => accounts.changed(user),
      traces: batchTraces,
      metrics,
      clock,
      logger,
    },
  )

  async function apply(event: ProviderEvent): Promise<void> {
    if (event.kind === 'account_changed') accounts.changed(event.user)
    if (event.kind === 'service_changed') registration.changed()
    await settlement.apply(event)
  }

  const stopping = new AbortController()
  const { signal } = stopping
  const loopDeps = { clock, logger, signal }
  const following = followThroughOutages(
    { addresses: [at.inferenceServing, at.receiptAnchor], idleHeightMs: LIMIT.idleHeightMs, pauseMs: LIMIT.followPauseMs },
    { chain: client, repository, read: (log) => readProviderEvents(log, at), apply, heights, clock, logger },
    signal,
  ).catch((error) => {
    if (!signal.aborted) context.fatal(error)
  })
  const leases = await context.leases()
  let leads = false
  const lead = { name: `compute-broker-settlement-${provider}`, intervalMs: config.settleIntervalMs }
  const leased = {
    ...loopDeps,
    leases,
    holder: `${context.target}-${instance}-${random.uuid()}`,
    ttlMs: config.leaseTtlMs,
    onLead: (now: boolean) => {
      leads = now
    },
  }
  await workers.refresh(signal)
  const loops = [
    runLoop({ name: 'workers', intervalMs: config.workerRefreshMs, run: (inner) => workers.refresh(inner) }, loopDeps),
    runLoop({ name: 'tend', intervalMs: LIMIT.tendMs, run: () => broker.tend(clock.nowMs() + config.acknowledgeMs) }, loopDeps),
    runLoop(
      {
        name: 'prune',
        intervalMs: LIMIT.pruneMs,
        async run(inner) {
          const beforeMs = clock.nowMs() - config.retentionMs
          while (!inner.aborted && (await repository.prune(beforeMs, LIMIT.pruneBatchMax)) === LIMIT.pruneBatchMax);
        },
      },
      loopDeps,
    ),
    runLeased(
      {
        ...lead,
        async run(token, inner) {
          await registration.round()
          do {
            await modelRegistration.round()
            if (!(await settlement.round(token, inner))) break
            await clock.sleep(config.settleIntervalMs, inner).catch(() => {})
          } while (!inner.aborted)
        },
      },
      leased,
    ),
    runLeased(
      {
        name: `compute-broker-evidence-${provider}`,
        intervalMs: config.settleIntervalMs,
        run: (_token, inner) => evidence.run(inner),
      },
      { ...loopDeps, leases, holder: leased.holder, ttlMs: config.leaseTtlMs },
    ),
  ]

  let draining = false
  return {
    faces: { brokerUrl, provider },
    health: () => {
      const models = workers.models().length
      const { count, known } = workers.reachable()
      return {
        // Without the chain nobody can be let in.
        ready: !draining && heights.current() !== undefined,
        checks: [
          ...upstreams.health(),
          { name: 'workers', ok: count > 0, detail: `${count} of ${known} reachable, ${models} models` },
          {
            name: 'service',
            ok: registration.state() === 'registered' || !leads,
            detail: leads ? registration.state() : 'led by another broker',
          },
          { name: 'height', ok: heights.current() !== undefined, detail: String(heights.current() ?? 'no block yet') },
          ...(draining ? [{ name: 'intake', ok: false, detail: 'draining' }] : []),
        ],
      }
    },
    async drain() {
      draining = true
      await closeServer(app, { clock, limitMs: LIMIT.drainMs })
      await broker.idle()
    },
    async stop() {
      stopping.abort(new ZerogError('SHUTTING_DOWN', { message: 'the broker is stopping' }))
      app.server.closeAllConnections()
      await app.close()
      await broker.idle()
      await Promise.allSettled([following, ...loops])
      // Nothing stays in the journal: a broker of the release before, to which somebody goes back, would not look there.
      await repository.expire(clock.nowMs()).catch((error) => logger.warn('journal_not_moved', { error }))
      await upstreams.close()
    },
  }
}

/** Books in memory have none. */
const NO_LINEAGE: LineageRepository = { find: async () => ({ answers: [], batches: [] }) }

function listenFailed(error: NodeJS.ErrnoException, { host, port }: ComputeBrokerConfig): unknown {
  if (error.code !== 'EADDRINUSE') return error
  return new ZerogError('PORT_IN_USE', {
    message: `port ${port} on ${host} is in use; stop what listens there or set ZEROG_COMPUTE_BROKER_PORT`,
    metadata: { port: String(port) },
    cause: error,
  })
}
