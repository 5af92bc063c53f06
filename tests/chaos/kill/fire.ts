import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DevnetEndpoints, readEndpoints } from '@zerog/cli'
import { processesOf, startDevnet, until, zerog } from '../../e2e/devnet.ts'

/** One process for all targets, or one per target. */
export type Shape = 'one' | 'many'

export type Victim = 'launcher' | 'postgres' | 'everything' | `child ${string}`

/** What can be killed in each shape. */
export const VICTIMS: Readonly<Record<Shape, readonly Victim[]>> = {
  one: ['launcher', 'postgres', 'everything'],
  many: [
    'child chain-validator',
    'child chain-rpc',
    'child storage-gateway',
    'child storage-node',
    'child storage-node-1',
    'child gateway',
    'postgres',
    'launcher',
    'everything',
  ],
}

const FLAGS: Readonly<Record<Shape, readonly string[]>> = { one: [], many: ['--processes', '--storage-nodes', '2'] }
/** For children and PostgreSQL to notice that their launcher is gone. */
const DEATH_MS = 20_000
const RECOVERY_MS = 90_000

/** A devnet that is killed again and again, and what it takes to have it back. */
export type DevnetUnderFire = {
  readonly dataDir: string
  /** Of the last start: ports change with each. */
  readonly endpoints: () => DevnetEndpoints
  readonly databaseUrl: () => string
  readonly kill: (victim: Victim) => Promise<Killed>
  /** Resolves when everything that should heal has healed: by itself, or by a start where the launcher was killed. */
  readonly recover: (killed: Killed, options: { readonly beforeStart?: () => Promise<void> }) => Promise<Recovery>
  /** Orderly; throws if a process is left. */
  readonly stop: () => Promise<void>
}

type Killed = { readonly victim: Victim; readonly pids: readonly number[] }
export type Recovery = { readonly victim: Victim; readonly seconds: number; readonly restarted: boolean }

export async function openFire(dataDir: string, shape: Shape): Promise<DevnetUnderFire> {
  const flags = FLAGS[shape]
  let current = await startDevnet(dataDir, ...flags)
  let endpoints = current.endpoints

  async function untilServing(what: string): Promise<void> {
    await until(`${what} is served again`, () => isServing(endpoints.gatewayUrl), RECOVERY_MS)
  }

  async function restart(beforeStart: (() => Promise<void>) | undefined): Promise<void> {
    await until('no process of the killed devnet is left', () => processesOf(dataDir).length === 0, DEATH_MS)
    await beforeStart?.()
    current = await startDevnet(dataDir, ...flags)
    endpoints = current.endpoints
  }

  return {
    dataDir,
    endpoints: () => endpoints,
    databaseUrl: () => databaseUrl(dataDir),
    async kill(victim) {
      let pids: readonly number[] = []
      // A child that just ended by itself is waited for. A number that belongs to somebody else by now is never killed.
      await until(`${victim} runs`, async () => {
        endpoints = (await readEndpoints(dataDir)) ?? endpoints
        const ours = processesOf(dataDir)
        pids = pidsOf(victim, { dataDir, launcher: current.pid, endpoints }).filter((pid) => ours.includes(pid))
        return pids.length > 0
      })
      for (const pid of pids) kill(pid)
      return { victim, pids }
    },
    async recover({ victim, pids }, { beforeStart }) {
      const startedMs = performance.now()
      const restarted = victim === 'launcher' || victim === 'everything'
      if (restarted) await restart(beforeStart)
      else if (victim === 'postgres')
        await until('PostgreSQL runs again', () => !pids.includes(postmaster(dataDir).pid), RECOVERY_MS)
      else {
        const name = victim.slice('child '.length)
        await until(
          `${name} is started again`,
          async () => {
            endpoints = (await readEndpoints(dataDir)) ?? endpoints
            return !pids.includes(endpoints.services[name]?.pid ?? 0)
          },
          RECOVERY_MS,
        )
      }
      await untilServing(victim)
      return { victim, restarted, seconds: (performance.now() - startedMs) / 1000 }
    },
    async stop() {
      const down = await zerog(['down', '--json', '--data-dir', dataDir])
      if (down.code !== 0) throw new Error(`zerog down: exit ${down.code}\n${down.out}${down.err}`)
      const left = processesOf(dataDir)
      if (left.length > 0) throw new Error(`zerog down left the processes ${left.join(', ')}`)
    },
  }
}

function pidsOf(
  victim: Victim,
  devnet: { readonly dataDir: string; readonly launcher: number; readonly endpoints: DevnetEndpoints },
): readonly number[] {
  switch (victim) {
    case 'everything':
      return processesOf(devnet.dataDir)
    case 'launcher':
      return [devnet.launcher]
    case 'postgres':
      return [postmaster(devnet.dataDir).pid]
    default: {
      const name = victim.slice('child '.length)
      const pid = devnet.endpoints.services[name]?.pid
      if (pid === undefined) throw new Error(`endpoints.json names no ${name}`)
      return [pid]
    }
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended between the look and the signal.
  }
}

/** True when every instance of every layer answers the gateway. */
async function isServing(gatewayUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${gatewayUrl}/status`, { signal: AbortSignal.timeout(5_000) })
    const { ready, layers } = (await response.json()) as {
      ready: boolean
      layers: Record<string, { ready: boolean; instances: { ok: boolean }[] }>
    }
    return ready && Object.values(layers).every((layer) => layer.ready && layer.instances.every(({ ok }) => ok))
  } catch {
    return false
  }
}

/** PostgreSQL's own lock file: line 1 is the pid, line 4 the port. */
function postmaster(dataDir: string): { readonly pid: number; readonly port: number } {
  try {
    const lines = readFileSync(join(dataDir, 'postgres/data/postmaster.pid'), 'utf8').split('\n')
    return { pid: Number(lines[0]), port: Number(lines[3]) }
  } catch {
    return { pid: 0, port: 0 }
  }
}

function databaseUrl(dataDir: string): string {
  const password = readFileSync(join(dataDir, 'postgres/password'), 'utf8').trim()
  return `postgresql://zerog:${password}@127.0.0.1:${postmaster(dataDir).port}/postgres`
}
