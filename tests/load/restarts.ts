import { existsSync, readFileSync } from 'node:fs'
import { readEndpoints } from '@zerog/cli'
import { removeDevnet, startDevnet, temporaryFolder, until } from '../e2e/devnet.ts'
import type { LaneReport } from './lane.ts'
import { startTraffic } from './traffic.ts'

export type RollingReport = {
  readonly lanes: readonly LaneReport[]
  /** Acknowledged and mined. */
  readonly transactions: number
  /** By name of instance. */
  readonly restarts: Readonly<Record<string, Restart>>
}

export type Restart = {
  /** From SIGTERM until its successor was ready. */
  readonly totalMs: number
  /** Of it until the process had drained and ended. */
  readonly drainMs: number
  /** Processor time that the successor needed until then: what a start costs, however busy the machine is. */
  readonly cpuMs: number
}

const RESTART_MS = 60_000
const KEPT_MS = 120_000
/** Undisturbed traffic before the first and after the last restart. */
const CALM_MS = 3_000
/** Ticks of /proc per second on every Linux that we run on. */
const TICKS = 100

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
    const restarts: Record<string, Restart> = {}
    const names = Object.keys(devnet.endpoints.services).filter((name) => options.only?.includes(name) ?? true)
    for (const name of names) {
      interrupted.signal.throwIfAborted()
      const done = await restart(dataDir, name)
      restarts[name] = done
      options.say(`${name} restarted in ${done.totalMs} ms, drained in ${done.drainMs} ms, ${done.cpuMs} ms of CPU to be ready`)
      await pause(options.settleMs)
    }
    await pause(CALM_MS)
    const lanes = await traffic.stop()
    for (const { errors, ...lane } of lanes) {
      options.say(JSON.stringify(lane))
      for (const error of errors) options.say(`  ${error}`)
    }
    await traffic.requireKept(KEPT_MS)
    return { lanes, transactions: traffic.acknowledged().length, restarts }
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal)
    await removeDevnet(dataDir)
  }
}

async function restart(dataDir: string, name: string): Promise<Restart> {
  const startedMs = performance.now()
  const pid = (await readEndpoints(dataDir))?.services[name]?.pid
  if (pid === undefined) throw new Error(`${name} is not among the services of endpoints.json`)
  process.kill(pid, 'SIGTERM')
  let drainMs: number | undefined
  let cpuMs = 0
  await until(
    `${name} is ready again`,
    async () => {
      if (drainMs === undefined && !existsSync(`/proc/${pid}`)) drainMs = performance.now() - startedMs
      const service = (await readEndpoints(dataDir))?.services[name]
      if (service === undefined || service.pid === pid || service.admin === undefined) return false
      cpuMs = cpuMsOf(service.pid)
      return isReady(service.admin)
    },
    RESTART_MS,
  )
  const totalMs = Math.round(performance.now() - startedMs)
  return { totalMs, drainMs: Math.round(drainMs ?? totalMs), cpuMs }
}

/** User and system time of a process; 0 for one that has ended. */
function cpuMsOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS
  } catch {
    return 0
  }
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
