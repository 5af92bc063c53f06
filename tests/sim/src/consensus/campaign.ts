// Many seeds of the hostile cluster with one number of validators, in a process of its own: under jest they take five times as long.
// node tests/sim/src/consensus/campaign.ts --validators 4 --first 1 --seeds 9000; prints the faults that were met, as JSON.
import { parseArgs } from 'node:util'
import * as consensus from '@zerog/consensus'
import { runHostile } from './scenario.ts'

const { values } = parseArgs({
  options: {
    validators: { type: 'string', default: '4' },
    first: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '100' },
  },
})
const faults: Record<string, number> = {}
const first = Number(values.first)
for (let seed = first; seed < first + Number(values.seeds); seed++) {
  try {
    const report = runHostile(consensus, BigInt(seed), Number(values.validators))
    for (const [fault, times] of Object.entries(report.faults)) faults[fault] = (faults[fault] ?? 0) + times
  } catch (error) {
    throw new Error(`seed ${seed} with ${values.validators} validators: ${(error as Error).message}`, { cause: error })
  }
}
process.stdout.write(`${JSON.stringify(faults)}\n`)
