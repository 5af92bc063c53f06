import { join } from 'node:path'
import { addresses, DEVELOPMENT_BALANCE_WEI, DEVELOPMENT_MNEMONIC, developmentAccounts } from '@zerog/contracts'
import { ZerogError } from '@zerog/primitives'
import type { ActionContext } from '../action.ts'
import { EXIT } from '../exit-codes.ts'
import type { Result } from '../output/output.ts'
import { devnetDir } from '../settings/paths.ts'
import { fundedAccounts, furtherAccounts } from './accounts.ts'
import { banner } from './banner.ts'
import { devnetCertificates } from './certificates.ts'
import { type DataFolder, type Genesis, openDataFolder } from './data-folder.ts'
import { type Database, givenDatabase, startDatabase } from './database.ts'
import { startDetached } from './detach.ts'
import { type DevnetEndpoints, removeEndpoints, writeEndpoints } from './endpoints.ts'
import { removeLauncher, writeLauncher } from './launcher-file.ts'
import { logToFile } from './log-file.ts'
import { startManyProcesses } from './many-processes.ts'
import { startOneProcess } from './one-process.ts'
import type { UpOptions } from './options.ts'
import { type PlannedPorts, planInstances, planPorts, servesGrpc } from './plan.ts'
import { reservePorts } from './ports.ts'
import { processIdOf } from './process-id.ts'
import { DEVELOPMENT_OPENAI_KEY, DEVNET_CHAIN_ID } from './settings.ts'
import type { RunningDevnet } from './shape.ts'

/**
 * `zerog up`: starts the devnet and stays until it is told to stop (Ctrl-C, SIGTERM, `zerog down`). endpoints.json appears when
 * everything is ready and goes before anything stops.
 */
export async function up(context: ActionContext, options: UpOptions): Promise<Result | undefined> {
  const startedMs = performance.now()
  const dataDir = devnetDir(context.env, context.flags.dataDir)
  if (options.detach) return upDetached(context, options, dataDir, startedMs)
  const stop = stopSignals()
  const folder = await openDataFolder(dataDir, { reset: options.reset, genesis: genesisOf(options) })
  const launched: Launched = { devnet: undefined, database: undefined }
  try {
    const endpoints = await launch(context, { options, folder, launched, stop: stop.signal })
    showReady(context, { endpoints, folder, startedMs })
    await Promise.race([stop.asked, failureOf(launched)])
    context.output.note('stopping')
    return undefined
  } finally {
    await shutDown(dataDir, launched)
    folder.release()
    stop.dispose()
  }
}

function genesisOf({ chainOnly, baseFee, accounts, daNodes }: UpOptions): Genesis {
  return { chainOnly, baseFee, accounts, daNodes }
}

type Launched = { devnet: RunningDevnet | undefined; database: Database | undefined }

async function launch(
  context: ActionContext,
  devnet: { readonly options: UpOptions; readonly folder: DataFolder; readonly launched: Launched; readonly stop: AbortSignal },
): Promise<DevnetEndpoints> {
  const { options, folder, launched, stop } = devnet
  const dataDir = folder.path
  const { output } = context
  const say = (text: string): void => output.note(text)
  await removeEndpoints(dataDir)
  const instances = planInstances(options)
  const names = options.processes ? instances.map(({ name }) => name) : ['devnet']
  const planned = planPorts(names, options)
  // In one process each target still has its own gRPC port, for tools.
  const grpc = planPorts(
    instances.filter(servesGrpc).map(({ name }) => name),
    options,
  ).grpc
  const ports = await reservePorts({ ...planned, grpc })
  const logging = logToFile(join(dataDir, 'logs', 'devnet.log'))
  const logger = logging.logger('info', { target: 'launcher' })

  const changed = (): void => void record(dataDir, launched).catch((error) => say(`cannot write ${dataDir}: ${error}`))
  await record(dataDir, launched)
  say(folder.isNew ? `making a new devnet in ${dataDir}` : `starting the devnet in ${dataDir}`)
  const [database, tls] = await Promise.all([
    options.chainOnly ? undefined : (givenDatabase(context.env) ?? startDatabase(dataDir, { logger, say, changed })),
    devnetCertificates(
      dataDir,
      instances.map(({ target }) => target),
    ),
  ])
  launched.database = database
  await record(dataDir, launched)
  stop.throwIfAborted()
  if (database !== undefined) say('PostgreSQL is ready')

  const accounts = fundedAccounts(options.accounts)
  const plan = {
    instances,
    ports,
    options,
    funded: furtherAccounts(options.accounts),
    dataDir,
    postgresUrl: database?.url,
  }
  const onReady = (name: string): void => say(`${name} is ready`)
  const endpointsNow = (running: RunningDevnet): DevnetEndpoints =>
    describe(running, { tls, accounts, layers: options.chainOnly ? undefined : ports })
  if (options.processes) {
    const again = (): void => {
      changed()
      const { devnet: running } = launched
      if (running === undefined || stop.aborted) return
      writeEndpoints(dataDir, endpointsNow(running)).catch((error) => say(`endpoints.json was not written: ${String(error)}`))
    }
    launched.devnet = await startManyProcesses(plan, { say, changed: again, onReady, signal: stop })
  } else {
    launched.devnet = await startOneProcess(plan, { env: context.env, logging, onReady })
  }
  stop.throwIfAborted()
  await record(dataDir, launched)
  const endpoints = endpointsNow(launched.devnet)
  await writeEndpoints(dataDir, endpoints)
  return endpoints
}

function describe(
  running: RunningDevnet,
  facts: {
    readonly tls: DevnetEndpoints['tls']
    readonly accounts: DevnetEndpoints['accounts']
    /** undefined: the chain alone. */
    readonly layers: Pick<PlannedPorts, 'broker' | 'disperser'> | undefined
  },
): DevnetEndpoints {
  const { gatewayUrl = '', rpcUrl = '', wsUrl = '', nodeUrl, indexerUrl } = running.faces
  const contracts = addresses({ chainId: BigInt(DEVNET_CHAIN_ID) })
  return {
    v: 1,
    chainId: DEVNET_CHAIN_ID,
    rpcUrl,
    wsUrl,
    gatewayUrl,
    ...(nodeUrl === undefined || indexerUrl === undefined
      ? {}
      : { storage: { indexerUrl, nodeUrl, flow: contracts.flow, market: contracts.market } }),
    ...(facts.layers !== undefined && {
      da: { disperser: `127.0.0.1:${facts.layers.disperser}`, entrance: contracts.daEntrance },
      compute: {
        openaiUrl: `${gatewayUrl}/v1`,
        openaiKey: DEVELOPMENT_OPENAI_KEY,
        brokerUrl: `http://127.0.0.1:${facts.layers.broker}`,
        // The broker is the last of the development accounts.
        provider: developmentAccounts().at(-1)?.address ?? '',
        ledger: contracts.ledgerManager,
        inference: contracts.inferenceServing,
        fineTuning: contracts.fineTuningServing,
      },
    }),
    accounts: facts.accounts,
    services: running.services(),
    ...(facts.tls === undefined ? {} : { tls: facts.tls }),
  }
}

/** Who belongs to this devnet, for `zerog down` after a SIGKILL of the launcher. */
async function record(dataDir: string, launched: Launched): Promise<void> {
  const own = processIdOf(process.pid)
  if (own === undefined) return
  const databasePid = launched.database?.pid()
  const database = databasePid === undefined ? undefined : processIdOf(databasePid)
  const children = [...(launched.devnet?.processes() ?? []), ...(database === undefined ? [] : [database])]
  await writeLauncher(dataDir, { launcher: own, children })
}

async function shutDown(dataDir: string, launched: Launched): Promise<void> {
  await removeEndpoints(dataDir)
  await launched.devnet?.stop()
  await launched.database?.stop()
  await removeLauncher(dataDir)
}

/** Rejects when the devnet ended without being asked; never resolves. */
async function failureOf(launched: Launched): Promise<never> {
  const why = await (launched.devnet?.failed ?? new Promise(() => {}))
  throw why instanceof Error ? why : new ZerogError('DEPENDENCY_UNAVAILABLE', { message: `the devnet ended: ${why}` })
}

function showReady(
  context: ActionContext,
  facts: { readonly endpoints: DevnetEndpoints; readonly folder: DataFolder; readonly startedMs: number },
): void {
  const { endpoints, folder, startedMs } = facts
  const seconds = (performance.now() - startedMs) / 1000
  const text = banner(
    endpoints,
    { mnemonic: DEVELOPMENT_MNEMONIC, balanceWei: DEVELOPMENT_BALANCE_WEI, seconds, isNew: folder.isNew, dataDir: folder.path },
    context.output.colors,
  )
  context.output.result({
    data: { ready: true, seconds, dataDir: folder.path, endpoints },
    text: context.output.options.quiet ? endpoints.rpcUrl : text,
  })
}

async function upDetached(context: ActionContext, options: UpOptions, dataDir: string, startedMs: number): Promise<Result> {
  const flags = Object.entries(options).flatMap(([name, value]) => {
    if (name === 'detach' || value === false || value === undefined) return []
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    return value === true ? [flag] : [flag, String(value)]
  })
  const { endpoints, isNew, pid, log } = await startDetached([...flags, '--data-dir', dataDir], dataDir, context.signal)
  const seconds = (performance.now() - startedMs) / 1000
  const facts = { mnemonic: DEVELOPMENT_MNEMONIC, balanceWei: DEVELOPMENT_BALANCE_WEI, seconds, isNew, dataDir }
  const text = `${banner(endpoints, facts, context.output.colors)}\nrunning in the background (process ${pid}, log ${log}); npm run down stops it`
  return { data: { ready: true, seconds, dataDir, pid, log, endpoints }, text }
}

/** The first signal asks for an orderly stop; the second ends the process at once, and what belongs to it follows. */
function stopSignals(): { readonly signal: AbortSignal; readonly asked: Promise<void>; readonly dispose: () => void } {
  const stopping = new AbortController()
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping.signal.aborted) process.exit(signal === 'SIGINT' ? EXIT.interrupted : EXIT.unexpected)
    stopping.abort(new ZerogError('CANCELLED', { message: 'the start was interrupted' }))
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  return {
    signal: stopping.signal,
    asked: new Promise((resolve) => stopping.signal.addEventListener('abort', () => resolve(), { once: true })),
    dispose: () => {
      for (const signal of signals) process.off(signal, onSignal)
    },
  }
}
