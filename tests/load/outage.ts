// `pnpm load:outage`: NATS, Redis and PostgreSQL are killed in turn under load; what does not need them goes on, all recovers alone, nothing is lost.
import { parseArgs } from 'node:util'
import { type RunningServer, type ServerKind, startServer } from '../../packages/adapters/test/servers.ts'
import { removeDevnet, startDevnet, temporaryFolder, until } from '../e2e/devnet.ts'
import { startTraffic } from './traffic.ts'

const USAGE =
  'usage: pnpm load:outage [--scale <share of the rates, default 1>] [--seconds <of each outage, default 60>] [--only nats|redis|postgres]'
/** What each layer needs to answer at all (docs/runbooks/server-lost.md); the other lanes must not fail. */
const NEEDED_BY: Readonly<Record<ServerKind, readonly string[]>> = {
  nats: [],
  redis: [],
  postgres: ['storage range', 'da read', 'chat'],
}
const RECOVERY_MS = 60_000
const KEPT_MS = 120_000

const { values } = parseArgs({
  options: { scale: { type: 'string', default: '1' }, seconds: { type: 'string', default: '60' }, only: { type: 'string' } },
})
const scale = Number(values.scale)
const seconds = Number(values.seconds)
const kinds = (values.only === undefined ? ['nats', 'redis', 'postgres'] : [values.only]) as ServerKind[]
if (!(scale > 0 && scale <= 10) || !(seconds >= 1) || kinds.some((kind) => !(kind in NEEDED_BY))) {
  process.stderr.write(`${USAGE}\n`)
  process.exit(2)
}
const say = (line: string): void => void process.stdout.write(`${new Date().toISOString().slice(11, 23)} ${line}\n`)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const dataDir = await temporaryFolder()
const servers: Partial<Record<ServerKind, RunningServer>> = {}
let broken = 0
try {
  for (const kind of ['postgres', 'nats', 'redis'] as const) servers[kind] = await startServer(kind)
  // The launcher hands its environment on to the targets.
  process.env.ZEROG_COMMON_POSTGRES_URL = servers.postgres?.url
  process.env.ZEROG_COMMON_NATS_URL = servers.nats?.url
  process.env.ZEROG_COMMON_REDIS_URL = servers.redis?.url
  const devnet = await startDevnet(dataDir, '--processes')
  say(`devnet on cluster adapters ready after ${devnet.seconds.toFixed(1)} s`)
  for (const kind of kinds) await outage(kind)
  say(broken === 0 ? 'nothing acknowledged was lost; all recovered alone' : `${broken} promises were broken`)

  async function outage(kind: ServerKind): Promise<void> {
    const traffic = await startTraffic(devnet.endpoints, { scale })
    const server = servers[kind]
    if (server === undefined) throw new Error(`${kind} was not started`)
    await server.kill()
    say(`${kind} killed for ${seconds} s`)
    await pause(seconds * 1000)
    servers[kind] = await server.restart()
    const backMs = performance.now()
    const lanes = await traffic.stop()
    for (const { errors, ...lane } of lanes) {
      const needs = NEEDED_BY[kind].includes(lane.name)
      say(JSON.stringify({ ...lane, needs }))
      if (lane.failed === 0) continue
      say(`  ${errors.at(-1)}`)
      if (!needs) broken++
    }
    // Fresh traffic on every layer, then what was acknowledged before, during and after.
    let again: Awaited<ReturnType<typeof startTraffic>> | undefined
    await until(
      'every layer takes new work',
      async () => {
        again = await startTraffic(devnet.endpoints, { scale }).catch(() => undefined)
        return again !== undefined
      },
      RECOVERY_MS,
    )
    say(`${kind} back: every layer stored and served new work after ${Math.round(performance.now() - backMs)} ms`)
    await pause(3_000)
    const after = (await again?.stop()) ?? []
    for (const { name, failed, errors } of after.filter((lane) => lane.failed > 0)) {
      broken++
      say(`  ${name}: ${failed} failed after the recovery: ${errors.at(-1)}`)
    }
    await traffic.requireKept(KEPT_MS)
    await again?.requireKept(KEPT_MS)
    say(`${traffic.acknowledged().length} transactions acknowledged during the outage are mined; file and blob unchanged`)
  }
} catch (error) {
  say(`FAILED: ${error instanceof Error ? error.message : String(error)}`)
  broken++
} finally {
  await removeDevnet(dataDir)
  for (const server of Object.values(servers)) await server.stop()
}
process.exitCode = broken === 0 ? 0 : 1
