// Claim: a member that checks rows on threads goes on answering while it checks. Ten members in this process take bundles of 4 MiB onto
// disk, with threads and without; the cost in CPU and how long the event loop was blocked are printed.
// node bench/da-members.ts [--bundles 6] [--members 10]
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { systemClock } from '@zerog/adapters/clock/system'
import { memoryKv } from '@zerog/adapters/memory'
import { segmentBlobStore } from '../packages/adapters/src/blob-store/embedded.ts'
import { createMetrics, silentLogger } from '../packages/runtime/src/index.ts'
import { staticCommittees } from '../services/da/src/adapters/committees/static.ts'
import { inlineRowWork } from '../services/da/src/adapters/row-work/inline.ts'
import { createRowPool } from '../services/da/src/adapters/row-work/row-pool.ts'
import { createDaNode } from '../services/da/src/app/node/da-node.ts'
import { batches, bytesOf, CHAIN_ID, codedBundle, membersOf, rowsOf } from '../services/da/test/support/members.ts'

const { values } = parseArgs({
  options: { bundles: { type: 'string', default: '6' }, members: { type: 'string', default: '10' } },
})
const BLOB_BYTES = 4 * 2 ** 20 - 128
const { committee, signers } = membersOf(Array.from({ length: Number(values.members) }, () => 1n))
const expiry = BigInt(Math.floor(Date.now() / 1000)) + 86_400n
const bundles = Array.from({ length: Number(values.bundles) }, (_, seed) =>
  codedBundle([bytesOf(BLOB_BYTES, seed + 1)], committee, expiry),
)
const rows = bundles.map((bundle) => signers.map((_, member) => rowsOf(bundle, committee, member)))
console.log(
  `${cpus().length} x ${cpus()[0]?.model}, node ${process.version}; ${signers.length} members, K = ${bundles[0]?.statement.k}`,
)

for (const kind of ['threads', 'inline', 'threads', 'inline'] as const) {
  const folder = await mkdtemp(join(tmpdir(), 'zerog-bench-'))
  const pool = createRowPool()
  const checker = kind === 'threads' ? pool : inlineRowWork()
  const nodes = await Promise.all(
    signers.map((signer, member) =>
      createDaNode(
        { chainId: CHAIN_ID, capacityBytes: 2 ** 34, retentionSecondsMax: 30 * 86_400 },
        {
          blobs: segmentBlobStore({ path: join(folder, String(member)) }),
          kv: memoryKv(),
          clock: systemClock,
          logger: silentLogger,
          meter: createMetrics().meter({ target: 'da-node', replica: String(member) }),
          committees: staticCommittees([committee]),
          checker,
          signer,
          diskFreeBytes: () => Number.MAX_SAFE_INTEGER,
        },
      ),
    ),
  )
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const wallMs: number[] = []
  const cpuMs: number[] = []
  for (const [round, { statement, encoded }] of bundles.entries()) {
    // The first bundle starts threads and compiles kernels.
    if (round === 1) delay.enable()
    const header = { bundle: statement, rlc: encoded.rlc, rowRoot: encoded.rowRoot }
    const startedMs = performance.now()
    const before = process.cpuUsage()
    await Promise.all(
      nodes.map((node, member) => node.put(header, batches(rows[round]?.[member] ?? [], 120), new AbortController().signal)),
    )
    const { user, system } = process.cpuUsage(before)
    if (round > 0) wallMs.push(performance.now() - startedMs)
    if (round > 0) cpuMs.push((user + system) / 1000)
  }
  delay.disable()
  const figures = [
    `${median(wallMs).toFixed(0)} ms and ${median(cpuMs).toFixed(0)} ms of CPU per bundle (median)`,
    `event loop blocked for at most ${(delay.max / 1e6).toFixed(0)} ms`,
  ]
  console.log(`${kind.padEnd(8)} ${figures.join(', ')}`)
  await pool.close()
  await rm(folder, { recursive: true, force: true })
}

function median(samples: readonly number[]): number {
  return [...samples].sort((a, b) => a - b)[Math.floor(samples.length / 2)] ?? Number.NaN
}
