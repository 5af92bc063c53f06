// `pnpm chaos:kill --rounds 200`: kills a devnet at random moments and checks that nothing acknowledged is lost or doubled.
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { zerog } from '../e2e/devnet.ts'
import type { Shape } from './kill/fire.ts'
import { runKillLoop } from './kill/rounds.ts'

const USAGE = 'usage: pnpm chaos:kill [--rounds <n, default 200>] [--shape one|many, default both in turn] [--seed <n>]'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '200' }, shape: { type: 'string' }, seed: { type: 'string' } },
})
const rounds = Number(values.rounds)
const shapes = (values.shape === undefined ? ['many', 'one'] : [values.shape]) as Shape[]
if (!Number.isInteger(rounds) || rounds < 1 || shapes.some((shape) => !['one', 'many'].includes(shape))) {
  process.stderr.write(`${USAGE}\n`)
  process.exit(2)
}
const seed = values.seed === undefined ? BigInt(randomBytes(4).readUInt32LE()) : BigInt(values.seed)
const say = (line: string): void => void process.stdout.write(`${line}\n`)
say(`seed ${seed}`)
let dataDir: string | undefined
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, async () => {
    say(`interrupted by ${signal}`)
    if (dataDir !== undefined) await zerog(['down', '--data-dir', dataDir])
    process.exit(130)
  })
}
const onFolder = (path: string): void => {
  dataDir = path
}
const startedMs = performance.now()
try {
  for (const [index, shape] of shapes.entries()) {
    // Both shapes share the rounds.
    const share = Math.floor(rounds / shapes.length) + (index < rounds % shapes.length ? 1 : 0)
    if (share === 0) continue
    const report = await runKillLoop({ shape, rounds: share, seed, say, onFolder })
    say(JSON.stringify({ shape, ...report, height: String(report.height) }))
  }
  say(`${rounds} rounds in ${((performance.now() - startedMs) / 1000).toFixed(0)} s: nothing acknowledged was lost or doubled`)
} catch (error) {
  process.stderr.write(`FAILED ${error instanceof Error ? error.message : String(error)}\n`)
  for (let cause = error; cause instanceof Error; cause = cause.cause) process.stderr.write(`${cause.stack}\n`)
  process.exitCode = 1
}
