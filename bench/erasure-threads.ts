// Claim: two coding threads do at least 1.5 times the work of one (the pool that da-encoder runs: shared memory, nothing copied).
// node bench/erasure-threads.ts [--mib 4] [--bundles 48]
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { HEADER_BYTES, layoutFor } from '@zerog/erasure'
import { encodePool } from '../services/da/src/adapters/worker/encode-pool.ts'

const TARGET = 1.5
const { values } = parseArgs({ options: { mib: { type: 'string', default: '4' }, bundles: { type: 'string', default: '48' } } })
const payloadBytes = Number(values.mib) * 2 ** 20 - HEADER_BYTES
const layout = layoutFor(payloadBytes, { committeeRows: 512, rate: '1/4' })
const bundles = Number(values.bundles)

/** MB of payload per second of wall clock, so many bundles through so many threads. */
async function speed(threads: number): Promise<number> {
  const pool = encodePool({ threads, memoryBytesMax: 1024 * 2 ** 20 })
  const never = new AbortController().signal
  const one = async () => {
    const job = await pool.open(layout, payloadBytes, never)
    job.payload.fill(7)
    await job.encode()
    job.release()
  }
  const all = async (count: number) => {
    let left = count
    // One more in hand than there are threads, so that none waits for the event loop.
    await Promise.all(
      Array.from({ length: threads + 1 }, async () => {
        while (left-- > 0) await one()
      }),
    )
  }
  await all(threads * 4)
  const startedMs = performance.now()
  await all(bundles)
  const seconds = (performance.now() - startedMs) / 1000
  await pool.close()
  return (bundles * payloadBytes) / 1e6 / seconds
}

const rounds = [await speed(1), await speed(2), await speed(1), await speed(2)] as const
const one = Math.max(rounds[0], rounds[2])
const two = Math.max(rounds[1], rounds[3])
console.log(
  `machine: ${cpus().length} x ${cpus()[0]?.model}, node ${process.version}; ${bundles} bundles of ${payloadBytes} bytes, best of 2`,
)
console.log(`one thread   ${one.toFixed(0)} MB/s`)
console.log(`two threads  ${two.toFixed(0)} MB/s, ${(two / one).toFixed(2)} times one   target ${TARGET}`)
