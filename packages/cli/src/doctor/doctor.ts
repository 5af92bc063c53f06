import { statfs } from 'node:fs/promises'
import { ZerogError } from '@zerog/primitives'
import { createZerogClient, type ZerogClient } from '@zerog/sdk'
import type { Hex } from 'viem'
import { getCode } from 'viem/actions'
import type { ActionContext } from '../action.ts'
import { readLauncher } from '../devnet/launcher-file.ts'
import { isRunning } from '../devnet/process-id.ts'
import { ownVersion } from '../settings/own-version.ts'
import { REPOSITORY_ROOT } from '../settings/paths.ts'
import type { Settings } from '../settings/settings.ts'
import { layerProbes } from './write-and-read.ts'

export type Check = {
  readonly name: string
  readonly state: 'ok' | 'failed' | 'skipped'
  readonly detail: string
  /** What to do about it. */
  readonly remedy?: string
}

type Outcome = Omit<Check, 'name'>
const ok = (detail: string): Outcome => ({ state: 'ok', detail })
const failed = (detail: string, remedy: string): Outcome => ({ state: 'failed', detail, remedy })
const skipped = (detail: string): Outcome => ({ state: 'skipped', detail })

const CLOCK_SKEW_MS_MAX = 5_000
const FREE_BYTES_MIN = 1024 * 1024 * 1024

/** Looks at everything that usually goes wrong. Never throws: what cannot be looked at is a failed check. */
export async function diagnose(
  context: ActionContext,
  options: { readonly deep: boolean; readonly write: boolean },
): Promise<readonly Check[]> {
  const settings = await context.settings()
  const client = createZerogClient({ endpoints: settings.endpoints })
  const status = await gatewayStatus(settings)
  const reachable = status !== undefined
  const checks: Check[] = []
  const check = async (name: string, work: () => Promise<Outcome>): Promise<void> => {
    const outcome = await work().catch((error: unknown) =>
      failed(
        error instanceof Error ? error.message : String(error),
        error instanceof ZerogError ? `zerog explain ${error.reason}` : 'run again with --verbose',
      ),
    )
    checks.push({ name, ...outcome })
  }
  const whenReachable = (work: () => Promise<Outcome>) => async () =>
    reachable ? work() : skipped('the gateway does not answer')

  await check('node', async () => checkNode())
  await check('disk', () => checkDisk(settings))
  await check('devnet processes', () => checkProcesses(settings))
  // Reading stored data needs a stopped devnet, so that nothing answers is no finding then.
  const stopped = options.deep && !reachable && settings.devnet === undefined
  await check('gateway', async () => (stopped ? skipped('the devnet is stopped') : checkGateway(settings, status?.report)))
  await check(
    'version',
    whenReachable(async () => checkVersion(status?.report)),
  )
  await check(
    'clock',
    whenReachable(async () => checkClock(status?.skewMs ?? 0)),
  )
  await check(
    'chain id',
    whenReachable(() => checkChainId(settings, client)),
  )
  await check(
    'contracts',
    whenReachable(() => checkContracts(settings, client)),
  )
  await check(
    'storage',
    whenReachable(() => checkStorage(settings, client)),
  )
  await check(
    'balance',
    whenReachable(() => checkBalance(settings, client)),
  )
  if (options.write) {
    const layers = new Set(Object.keys(status?.report.layers ?? {}))
    for (const { name, lacks, run } of layerProbes(context, { client, settings, layers })) {
      await check(
        name,
        whenReachable(async () => (lacks === undefined ? ok(await run()) : skipped(lacks))),
      )
    }
  }
  if (options.deep) {
    const { verifyData } = await import('../devnet/maintain.ts')
    for (const store of await verifyData(context)) checks.push(store)
  }
  return checks
}

type Report = {
  readonly name?: string
  readonly version?: string
  readonly ready?: boolean
  readonly chainId?: number
  readonly layers?: Record<string, any>
}

async function gatewayStatus(settings: Settings): Promise<{ readonly report: Report; readonly skewMs: number } | undefined> {
  try {
    const response = await fetch(`${settings.endpoints.gatewayUrl}/status`, { signal: AbortSignal.timeout(5_000) })
    const serverMs = Date.parse(response.headers.get('date') ?? '')
    return { report: (await response.json()) as Report, skewMs: Number.isNaN(serverMs) ? 0 : Math.abs(Date.now() - serverMs) }
  } catch {
    return undefined
  }
}

function checkNode(): Outcome {
  const major = Number(process.versions.node.split('.')[0])
  return major >= 24
    ? ok(process.versions.node)
    : failed(`${process.versions.node} is too old`, 'start through npm run zerog, which uses the pinned Node')
}

async function checkDisk(settings: Settings): Promise<Outcome> {
  const { bavail, bsize } = await statfs(settings.dataDir).catch(() => statfs(REPOSITORY_ROOT))
  const free = `${((bavail * bsize) / 1024 ** 3).toFixed(1)} GiB free`
  return bavail * bsize >= FREE_BYTES_MIN ? ok(free) : failed(free, `free space on the disk of ${settings.dataDir}`)
}

async function checkProcesses(settings: Settings): Promise<Outcome> {
  if (settings.network !== 'devnet') return skipped(`network ${settings.network} is not run from here`)
  const file = await readLauncher(settings.dataDir)
  if (file === undefined)
    return settings.devnet === undefined
      ? skipped('no devnet runs in the data folder')
      : failed('endpoints.json is there but no launcher', 'zerog down, then zerog up')
  const gone = [file.launcher, ...file.children].filter((id) => !isRunning(id))
  if (gone.length === 0) return ok(`${1 + file.children.length} running`)
  return failed(`process ${gone.map(({ pid }) => pid).join(', ')} is gone`, 'zerog down, then zerog up')
}

function checkGateway(settings: Settings, report: Report | undefined): Outcome {
  const { gatewayUrl } = settings.endpoints
  if (report === undefined)
    return failed(`nothing answers at ${gatewayUrl}`, 'start a devnet with zerog up, or give --gateway-url')
  if (report.name !== 'zerog') return failed(`what answers at ${gatewayUrl} is no zerog gateway`, 'check --gateway-url')
  const problems = Object.entries(report.layers ?? {}).flatMap(([layer, state]) =>
    state.instances
      .filter((one: any) => !one.ok)
      .map((one: any) => `${layer} ${one.target}/${one.instance}: ${one.problem ?? state.detail ?? 'down'}`),
  )
  if (problems.length > 0) return failed(problems.join('; '), 'look into the log of that target')
  return report.ready === true ? ok(`${gatewayUrl} is ready`) : failed('the gateway is not ready', `look at ${gatewayUrl}/status`)
}

function checkVersion(report: Report | undefined): Outcome {
  const own = ownVersion()
  return report?.version === own
    ? ok(own)
    : failed(`this command is ${own}, the gateway ${report?.version}`, 'use the command of the same release')
}

function checkClock(skewMs: number): Outcome {
  // HTTP dates have whole seconds, so a second of difference says nothing.
  return skewMs <= CLOCK_SKEW_MS_MAX
    ? ok('within 5 s of the gateway')
    : failed(`${Math.round(skewMs / 1000)} s away from the gateway`, 'set the clock of this machine (ntp)')
}

async function checkChainId(settings: Settings, client: ZerogClient): Promise<Outcome> {
  const chainId = await client.chainId()
  const expected = settings.devnet?.chainId
  if (expected !== undefined && expected !== chainId)
    return failed(`the endpoint has chain id ${chainId}, the devnet ${expected}`, 'check --rpc-url')
  return ok(String(chainId))
}

async function checkContracts(settings: Settings, client: ZerogClient): Promise<Outcome> {
  const flow = settings.devnet === undefined ? (await client.storage.status()).flow : settings.devnet.storage?.flow
  if (flow === undefined) return skipped('this devnet has no storage layer')
  const code = await getCode(client.viem, { address: flow as Hex })
  return code === undefined
    ? failed(`there is no contract at ${flow}`, 'the storage endpoint belongs to another chain; check the URLs')
    : ok(`flow contract at ${flow}`)
}

async function checkStorage(settings: Settings, client: ZerogClient): Promise<Outcome> {
  if (settings.devnet !== undefined && settings.devnet.storage === undefined) return skipped('this devnet has no storage layer')
  const [node, chain] = await Promise.all([client.storage.status(), client.chain.status()])
  if (node.chainId !== chain.chainId)
    return failed(`it follows chain ${node.chainId}, not ${chain.chainId}`, 'use endpoints of one network')
  const lag = chain.height > node.logSyncHeight ? chain.height - node.logSyncHeight : 0n
  return lag <= 50n
    ? ok(`follows the chain, ${lag} blocks behind, ${node.nextSubmissionIndex} entries`)
    : failed(`${lag} blocks behind the chain`, 'look into the log of storage-gateway')
}

async function checkBalance(settings: Settings, client: ZerogClient): Promise<Outcome> {
  const address = settings.devnet?.accounts[0]?.address
  if (address === undefined) return skipped('only for the accounts of a devnet')
  const balance = await client.chain.balance(address as Hex)
  return balance > 0n
    ? ok(`dev0 has ${balance} wei`)
    : failed('dev0 has nothing left', 'use another account (--account dev1), or zerog up --reset')
}
