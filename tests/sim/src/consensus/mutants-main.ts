// Plants one-line bugs into a copy of the voter and shows what catches each: exhaustive search, or how many seeds of the hostile cluster.
// node tests/sim/src/consensus/mutants-main.ts [--seeds 1000] [--name some_mutant] [--only-seeds]; one JSON line per mutant.
import { parseArgs } from 'node:util'
import * as original from '@zerog/consensus'
import { explore } from './model/explore.ts'
import { firstFailure, MUTANTS, plant } from './mutants.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    name: { type: 'string' },
    /** Leave the exhaustive search out, to see how many seeds each takes. */
    'only-seeds': { type: 'boolean', default: false },
  },
})

for (const mutant of MUTANTS) {
  if (values.name !== undefined && values.name !== mutant.name) continue
  const { consensus, remove } = await plant(mutant)
  const found = !values['only-seeds'] && mutant.model ? explore(consensus, mutant.model) : undefined
  const seed = found?.violation === undefined ? firstFailure(consensus, Number(values.seeds)) : undefined
  remove()
  print({
    mutant: mutant.name,
    caught: found?.violation !== undefined || seed !== undefined,
    ...(found && { bySearch: found.violation ?? null, states: found.states }),
    ...(seed && { bySeed: seed.seed, message: seed.message }),
  })
}
// The same seeds must pass with the voter as it is, else a catch proves nothing; for the search consensus-model.test.ts shows it.
print({ mutant: 'none', caught: firstFailure(original, 10) !== undefined })

function print(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
