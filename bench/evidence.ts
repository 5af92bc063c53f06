// Claims: a bundle in hash mode <= 64 KiB at 50 users per settlement, 10,000 receipts, 100 validators, a DA committee of 100 and one epoch
// step, each further step <= 8 KiB; offline verification <= 200 ms in Node.
// node bench/evidence.ts [--check]      --check fails the process where a target is missed
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { blstMultisignature } from '@zerog/consensus/blst'
import { nobleMultisignature } from '@zerog/consensus/noble'
import { auditBatch, verifyBundle } from '@zerog/verifier'
import { createWorld } from '../packages/verifier/test/world.ts'

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
const missed: string[] = []
const target = (holds: boolean, what: string) => {
  if (!holds) missed.push(what)
}
const sizes = { users: 50, receipts: 10_000, validators: 100, daMembers: 100, accounts: 20_000 }

console.log(`machine: ${cpus().length} x ${cpus()[0]?.model}, node ${process.version}`)
console.log(`generated: ${JSON.stringify(sizes)}`)

const one = await createWorld({ ...sizes, steps: 1 })
const bundle = await one.bytes(7_777)
const three = await (await createWorld({ ...sizes, receipts: 50, accounts: 100, steps: 3 })).bytes(7)
const two = await (await createWorld({ ...sizes, receipts: 50, accounts: 100, steps: 2 })).bytes(7)
console.log(`bundle, hash mode, one step: ${bundle.length} bytes; each further step: ${three.length - two.length} bytes`)
target(bundle.length <= 65_536, 'bundle <= 64 KiB')
target(three.length - two.length <= 8_192, 'step <= 8 KiB')

for (const [name, multisignature] of [
  ['blst', blstMultisignature],
  ['noble (JavaScript alone)', nobleMultisignature],
] as const) {
  const times: number[] = []
  const startedCpu = process.cpuUsage()
  for (let run = 0; run < 7; run++) {
    const started = performance.now()
    if (!verifyBundle(bundle, one.trust, { multisignature }).ok) throw new Error('the bundle does not verify')
    times.push(performance.now() - started)
  }
  const { user, system } = process.cpuUsage(startedCpu)
  const first = times[0] as number
  const median = times.toSorted((a, b) => a - b)[3] as number
  console.log(
    `verified with ${name}: first ${first.toFixed(0)} ms, median ${median.toFixed(0)} ms, CPU ${((user + system) / 7e3).toFixed(0)} ms each`,
  )
  if (name === 'blst') target(first <= 200, 'offline verification <= 200 ms')
}

const started = performance.now()
const audit = auditBatch(one.blob)
console.log(
  `audit of the blob (${one.blob.length} bytes, ${audit.users.length} users): ${(performance.now() - started).toFixed(0)} ms`,
)

for (const what of missed) console.log(`missed: ${what}`)
if (values.check && missed.length > 0) process.exitCode = 1
