// Every order of deliveries and timeouts for three honest validators and a Byzantine one, on the real voter.
// node tests/sim/src/consensus/model/main.ts --leaders b0 [--flawed] [--second-proposals] [--restarts 1] [--height-last 1] [--states-max n]
import { parseArgs } from 'node:util'
import * as consensus from '@zerog/consensus'
import { explore } from './explore.ts'

const { values } = parseArgs({
  options: {
    leaders: { type: 'string', default: 'b0' },
    flawed: { type: 'boolean', default: false },
    'second-proposals': { type: 'boolean', default: false },
    restarts: { type: 'string', default: '0' },
    'height-last': { type: 'string', default: '1000' },
    'states-max': { type: 'string', default: '12000000' },
  },
})
const startedMs = performance.now()
const result = explore(
  consensus,
  {
    views: values.leaders.length,
    leaders: values.leaders,
    flawed: values.flawed,
    secondProposals: values['second-proposals'],
    restarts: Number(values.restarts),
    heightLast: Number(values['height-last']),
  },
  { statesMax: Number(values['states-max']) },
)
const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1)
process.stdout.write(`${JSON.stringify({ ...values, ...result, seconds })}\n`)
process.exitCode = result.isComplete ? 0 : 1
