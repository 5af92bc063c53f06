// Claim: per core, encode + commit >= 100 MB/s at rate 1/4 and >= 200 MB/s at 1/2 (4 MiB), reconstruction where only parity is left
// >= 50 MB/s, where all originals are there >= 400, the verification of one node of ten >= 400 MB of bundle per second.
// node bench/erasure.ts [--mib 4] [--rounds 9] [--check]      --check fails the process where a target is missed
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { createCollector, createVerifier, type Encoded, encodePayload, HEADER_BYTES, layoutFor, type Rate } from '@zerog/erasure'
import { createKernelEngine } from '@zerog/erasure/engines'

const TARGETS: Record<string, number> = {
  'encode + commit 1/4': 100,
  'encode + commit 1/2': 200,
  'reconstruct, parity only 1/4': 50,
  'reconstruct, originals 1/4': 400,
  'verify as node 1/4': 400,
}

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '9' },
    check: { type: 'boolean', default: false },
  },
})
const payload = new Uint8Array(Number(values.mib) * 2 ** 20 - HEADER_BYTES)
for (let index = 0, state = 1; index < payload.length; index++) {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
  payload[index] = state >>> 24
}

const relaxed = createKernelEngine()
const strict = createKernelEngine({ relaxed: false })
// A disperser encodes one bundle after the other in the same memory.
const space = new Uint8Array(2 * 4 * 2 ** 20 * Number(values.mib))
const work: Record<string, () => unknown> = {}
for (const rate of ['1/4', '1/2'] as const) {
  const encoded = encodePayload(payload, layout(rate), { engine: relaxed })
  const { k, n } = encoded.layout
  const originals = Array.from({ length: k }, (_, index) => encoded.proof(index))
  const parity = Array.from({ length: k }, (_, index) => encoded.proof(k + index))
  const share = Array.from({ length: Math.ceil((k + n) / 10) }, (_, index) => encoded.proof((7 * index) % (k + n)))
  const options = { shape: encoded.layout, commitment: encoded.commitment, rlc: encoded.rlc }
  work[`encode + commit ${rate}`] = () => encodePayload(payload, encoded.layout, { engine: relaxed, space })
  work[`  in fresh memory ${rate}`] = () => encodePayload(payload, encoded.layout, { engine: relaxed })
  work[`  without relaxed SIMD ${rate}`] = () => encodePayload(payload, encoded.layout, { engine: strict, space })
  const collected = (rows: typeof originals) => {
    const collector = createCollector(options, relaxed)
    collector.add(rows)
    return collector
  }
  work[`reconstruct, originals ${rate}`] = () => same(collected(originals).payload())
  // Rows are verified as they arrive; this is what comes after.
  const ready = {
    rows: parity,
    restore: () =>
      relaxed.restore(new Uint8Array(k * encoded.layout.rowBytes), new Uint8Array(k), received(encoded), encoded.layout),
  }
  work[`reconstruct, parity only ${rate}`] = ready.restore
  work[`  with verification ${rate}`] = () => same(collected(ready.rows).payload())
  work[`verify as node ${rate}`] = () => createVerifier(options, relaxed).verify(share)
}

console.log(
  `machine: ${cpus().length} x ${cpus()[0]?.model}, node ${process.version}; ${payload.length} bytes, best of ${values.rounds}, CPU time`,
)
const missed: string[] = []
const best: Record<string, number> = {}
for (let round = 0; round <= Number(values.rounds); round++) {
  // Round 0 warms up.
  for (const [name, run] of Object.entries(work)) {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    if (round > 0) best[name] = Math.min(best[name] ?? Number.POSITIVE_INFINITY, (user + system) / 1e3)
  }
}
for (const [name, ms] of Object.entries(best)) {
  const speed = payload.length / 1e3 / ms
  const target = TARGETS[name]
  if (target !== undefined && speed < target) missed.push(`${name} ${target} MB/s`)
  console.log(
    `${name.padEnd(32)} ${speed.toFixed(1).padStart(8)} MB/s per core ${ms.toFixed(1).padStart(9)} ms${target === undefined ? '' : `   target ${target}`}`,
  )
}
console.log(missed.length === 0 ? 'targets met' : `targets missed: ${missed.join(', ')}`)
if (values.check && missed.length > 0) process.exitCode = 1

function layout(rate: Rate) {
  return layoutFor(payload.length, { committeeRows: 512, rate })
}

function received({ layout: { k }, row }: Encoded): Map<number, Uint8Array> {
  return new Map(Array.from({ length: k }, (_, index) => [index, row(k + index)]))
}

function same(bytes: Uint8Array): void {
  if (Buffer.compare(bytes, payload) !== 0) throw new Error('another payload came back')
}
