// Claim: per core, encode + commit >= 100 MB/s at rate 1/4 and >= 200 MB/s at 1/2 (4 MiB), reconstruction where only parity is left
// >= 50 MB/s, where all originals are there >= 400, the verification of one node of ten >= 400 MB of bundle per second.
// Encode + commit >= 150 times the KZG libraries of Ethereum's data availability, which extend and prove 128 KiB in the same run.
// node bench/erasure.ts [--mib 4] [--rounds 9] [--no-peers] [--check]      --check fails the process where a target is missed
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { createCollector, createVerifier, type Encoded, encodePayload, HEADER_BYTES, layoutFor, type Rate } from '@zerog/erasure'
import { createKernelEngine } from '@zerog/erasure/engines'
import { peer } from './peer.ts'

const TARGETS: Record<string, number> = {
  'encode + commit 1/4': 100,
  'encode + commit 1/2': 200,
  'reconstruct, parity only 1/4': 50,
  'reconstruct, originals 1/4': 400,
  'verify as node 1/4': 400,
}

const KZG_RATIO = 150
const KZG_BLOB_BYTES = 131_072

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '9' },
    check: { type: 'boolean', default: false },
    'no-peers': { type: 'boolean', default: false },
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
  const collected = (rows: typeof originals, memory: { readonly space?: Uint8Array } = {}) => {
    const collector = createCollector({ ...options, ...memory }, relaxed)
    collector.add(rows)
    return collector
  }
  // A reader reads one bundle after the other into the same memory too.
  work[`reconstruct, originals ${rate}`] = () => collected(originals, { space }).payload()
  work[`  read into fresh memory ${rate}`] = () => collected(originals).payload()
  same(collected(originals, { space }).payload())
  same(collected(originals).payload())
  same(collected(parity).payload())
  // Rows are verified as they arrive; this is what comes after.
  const ready = {
    rows: parity,
    restore: () =>
      relaxed.restore(new Uint8Array(k * encoded.layout.rowBytes), new Uint8Array(k), received(encoded), encoded.layout),
  }
  work[`reconstruct, parity only ${rate}`] = ready.restore
  work[`  with verification ${rate}`] = () => collected(ready.rows).payload()
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
if (!values['no-peers']) for (const [name, seconds] of kzgSeconds()) compare(name, seconds)
console.log(missed.length === 0 ? 'targets met' : `targets missed: ${missed.join(', ')}`)
if (values.check && missed.length > 0) process.exitCode = 1

/** CPU seconds per 128 KiB blob, extended to 128 cells with their proofs and committed to; both libraries with their tables. */
function kzgSeconds(): Map<string, number | string> {
  const blob = new Uint8Array(KZG_BLOB_BYTES)
  // Field elements of 32 bytes stay below the modulus while their first byte is zero.
  for (let index = 0; index < blob.length; index++) blob[index] = index % 32 === 0 ? 0 : (payload[index] as number)
  type CKzg = {
    loadTrustedSetup(precompute: number, file: string): void
    DEFAULT_TRUSTED_SETUP_PATH: string
    computeCellsAndKzgProofs(blob: Uint8Array): unknown
    blobToKzgCommitment(blob: Uint8Array): unknown
  }
  type EthKzgContext = { computeCellsAndKzgProofs(blob: Uint8Array): unknown; blobToKzgCommitment(blob: Uint8Array): unknown }
  type EthKzg = { DasContextJs: { create(options: { usePrecomp: boolean }): EthKzgContext } }
  const openers: Record<string, () => EthKzgContext | string> = {
    'c-kzg 4.1.0': () => {
      const found = peer<CKzg>('c-kzg@4.1.0')
      if ('missing' in found) return found.missing
      found.loaded.loadTrustedSetup(8, found.loaded.DEFAULT_TRUSTED_SETUP_PATH)
      return found.loaded
    },
    'node-eth-kzg 0.10.0': () => {
      const found = peer<EthKzg>('@crate-crypto/node-eth-kzg@0.10.0')
      return 'missing' in found ? found.missing : found.loaded.DasContextJs.create({ usePrecomp: true })
    },
  }
  const measured = new Map<string, number | string>()
  for (const [name, open] of Object.entries(openers)) {
    const library = open()
    if (typeof library === 'string') {
      measured.set(name, library)
      continue
    }
    const seconds = Array.from({ length: 4 }, () => {
      const before = process.cpuUsage()
      library.computeCellsAndKzgProofs(blob)
      library.blobToKzgCommitment(blob)
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1e6
    })
    measured.set(name, Math.min(...seconds))
  }
  return measured
}

function compare(name: string, seconds: number | string): void {
  if (typeof seconds === 'string') {
    missed.push(`${name} was not measured`)
    return console.log(`${name.padEnd(32)} not measured: ${seconds}`)
  }
  const speed = KZG_BLOB_BYTES / 1e6 / seconds
  const ours = payload.length / 1e3 / (best['encode + commit 1/4'] as number)
  if (ours / speed < KZG_RATIO) missed.push(`${KZG_RATIO} x ${name}`)
  console.log(
    `${name.padEnd(32)} ${speed.toFixed(2).padStart(8)} MB/s per core, we are ${(ours / speed).toFixed(0)} times as fast   target ${KZG_RATIO}`,
  )
}

function layout(rate: Rate) {
  return layoutFor(payload.length, { committeeRows: 512, rate })
}

function received({ layout: { k }, row }: Encoded): Map<number, Uint8Array> {
  return new Map(Array.from({ length: k }, (_, index) => [index, row(k + index)]))
}

function same(bytes: Uint8Array): void {
  if (Buffer.compare(bytes, payload) !== 0) throw new Error('another payload came back')
}
