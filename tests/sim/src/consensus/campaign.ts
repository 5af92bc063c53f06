// Many seeds of the hostile cluster in a process of its own: under jest they take five times as long.
// node tests/sim/src/consensus/campaign.ts [--split 4:8000,7:1800,31:200] [--first 1]
// validators:seeds, in that order; one JSON line for each with the faults that were met. Only seeds that stand for that number of validators
// are taken, so `pnpm sim --scenario consensus --seed <n>` shows the same run; by default the seeds 1 to 10,000. One that fails joins the corpus.
import { parseArgs } from 'node:util'
import * as consensus from '@zerog/consensus'
import { recordSeed } from '../corpus.ts'
import { runHostile, validatorCount } from './scenario.ts'

const { values } = parseArgs({
  options: { split: { type: 'string', default: '4:8000,7:1800,31:200' }, first: { type: 'string', default: '1' } },
})

for (const part of values.split.split(',')) {
  const [validators, seeds] = part.split(':').map(Number)
  if (!validators || !seeds || ![4, 7, 31].includes(validators)) throw new Error(`no part of a split: ${part}`)
  const failed = runPart(validators, seeds)
  if (failed > 0) process.exitCode = 1
}

function runPart(validators: number, seeds: number): number {
  const startedMs = performance.now()
  const faults: Record<string, number> = {}
  const failures: string[] = []
  const sum = { heights: 0, events: 0 }
  let seed = BigInt(values.first) - 1n
  for (let run = 0; run < seeds; run++) {
    do seed++
    while (validatorCount(seed) !== validators)
    try {
      const report = runHostile(consensus, seed, validators)
      for (const [fault, times] of Object.entries(report.faults)) faults[fault] = (faults[fault] ?? 0) + times
      sum.heights += report.height
      sum.events += report.events
    } catch (error) {
      const { message } = error as Error
      failures.push(`seed ${seed}: ${message}`)
      recordSeed('consensus', seed, message)
    }
  }
  const seconds = Number(((performance.now() - startedMs) / 1e3).toFixed(1))
  process.stdout.write(
    `${JSON.stringify({ validators, seeds, seedLast: Number(seed), violations: failures.length, failures, ...sum, seconds, faults })}\n`,
  )
  return failures.length
}
