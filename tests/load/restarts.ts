import { readEndpoints } from '@zerog/cli'
import { removeDevnet, startDevnet, temporaryFolder, until } from '../e2e/devnet.ts'
import type { LaneReport } from './lane.ts'
import { startTraffic } from './traffic.ts'

export type RollingReport = {
  readonly lanes: readonly LaneReport[]
  /** Acknowledged and mined. */
  readonly transactions: number
  /** From SIGTERM until its successor was ready, by name of instance. */
  readonly restartsMs: Readonly<Record<string, number>>
}

const RESTART_MS = 60_000
const KEPT_MS = 120_000
/** Undisturbed traffic before the first and after the last restart. */
const CALM_MS = 3_000

/** A devnet of its own, traffic on all layers, and a SIGTERM for each target in turn: the next only when the last is ready again. */
export async function rolling(options: {
  readonly scale: number
  readonly settleMs: number
  readonly only?: readonly string[]
  readonly say: (line: string) => void
}): Promise<RollingReport> {
  const dataDir = await temporaryFolder()
  const interrupted = new AbortController()
  const onSignal = () => interrupted.abort(new Error('interrupted'))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal)
  try {
    const devnet = await startDevnet(dataDir, '--processes', '--storage-nodes', '3')
    options.say(`devnet ready after ${devnet.seconds.toFixed(1)} s`)
    const traffic = await startTraffic(devnet.endpoints, options)
    await pause(CALM_MS)
    const restartsMs: Record<string, number> = {}
    const names = Object.keys(devnet.endpoints.services).filter((name) => options.only?.includes(name) ?? true)
    for (const name of names) {
      interrupted.signal.throwIfAborted()
      restartsMs[name] = await restart(dataDir, name)
      options.say(`${name} restarted in ${restartsMs[name]} ms`)
      await pause(options.settleMs)
    }
    await pause(CALM_MS)
    const lanes = await traffic.stop()
    for (const { errors, ...lane } of lanes) {
      options.say(JSON.stringify(lane))
      for (const error of errors) options.say(`  ${error}`)
    }
    await traffic.requireKept(KEPT_MS)
    return { lanes, transactions: traffic.acknowledged().length, restartsMs }
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal)
    await removeDevnet(dataDir)
  }
}

async function restart(dataDir: string, name: string): Promise<number> {
  const startedMs = performance.now()
  const pid = (await readEndpoints(dataDir))?.services[name]?.pid
  if (pid === undefined) throw new Error(`${name} is not among the services of endpoints.json`)
  process.kill(pid, 'SIGTERM')
  await until(
    `${name} is ready again`,
    async () => {
      const service = (await readEndpoints(dataDir))?.services[name]
      return service !== undefined && service.pid !== pid && service.admin !== undefined && (await isReady(service.admin))
    },
    RESTART_MS,
  )
  return Math.round(performance.now() - startedMs)
}

async function isReady(admin: string): Promise<boolean> {
  return fetch(`http://${admin}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
    ({ ok }) => ok,
    () => false,
  )
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
