// `pnpm chaos:flips --flips 1000`: flips bytes in the stores and answers of a devnet; none may lie or crash.
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { runCampaign } from './flips/campaign.ts'

const { values } = parseArgs({
  options: {
    flips: { type: 'string', default: '1000' },
    starts: { type: 'string', default: '20' },
    seed: { type: 'string' },
  },
})
const flips = Number(values.flips)
const starts = Number(values.starts)
if (!Number.isInteger(flips) || flips < 1 || !Number.isInteger(starts) || starts < 0) {
  process.stderr.write('usage: pnpm chaos:flips [--flips <n, default 1000>] [--starts <n, default 20>] [--seed <n>]\n')
  process.exit(2)
}
const seed = values.seed === undefined ? BigInt(randomBytes(4).readUInt32LE()) : BigInt(values.seed)
const say = (line: string): void => void process.stdout.write(`${line}\n`)
say(`seed ${seed}`)
const startedMs = performance.now()
const { tally, wrong } = await runCampaign({ flips, starts, seed, say })
for (const [what, counts] of Object.entries(tally)) say(`${what}: ${JSON.stringify(counts)}`)
say(`${flips} flips and ${starts} starts in ${((performance.now() - startedMs) / 1000).toFixed(0)} s, ${wrong.length} wrong`)
process.exitCode = wrong.length === 0 ? 0 : 1
