// `pnpm load:rolling`: every target of a devnet of processes is restarted one after another by SIGTERM while clients of all layers work on.
import { parseArgs } from 'node:util'
import { rolling } from './restarts.ts'

const USAGE =
  'usage: pnpm load:rolling [--scale <share of the rates, default 1>] [--only <target,target>] [--settle <ms between restarts>]'
const { values } = parseArgs({
  options: { scale: { type: 'string', default: '1' }, only: { type: 'string' }, settle: { type: 'string', default: '2000' } },
})
const scale = Number(values.scale)
const settleMs = Number(values.settle)
if (!(scale > 0 && scale <= 10) || !(settleMs >= 0)) {
  process.stderr.write(`${USAGE}\n`)
  process.exit(2)
}
const say = (line: string): void => void process.stdout.write(`${new Date().toISOString().slice(11, 23)} ${line}\n`)
const { lanes, transactions } = await rolling({
  scale,
  settleMs,
  say,
  ...(values.only === undefined ? {} : { only: values.only.split(',') }),
})
const failed = lanes.reduce((sum, lane) => sum + lane.failed, 0)
const sent = lanes.reduce((sum, lane) => sum + lane.sent, 0)
say(`${failed} of ${sent} requests failed; all ${transactions} acknowledged transactions are mined, file and blob unchanged`)
process.exitCode = failed === 0 ? 0 : 1
