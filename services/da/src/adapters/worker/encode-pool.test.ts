import { expect, test } from '@jest/globals'
import { encodePayload, layoutFor } from '@zerog/erasure'
import { equalBytes } from '@zerog/primitives'
import { encodePool } from './encode-pool.ts'

function payloadOf(bytes: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => (index * (seed + 7) + (index >> 8) * 13 + seed) & 0xff)
}

test('bundles that all threads code together, and those that one codes alone, are coded as encodePayload does', async () => {
  const pool = encodePool({ threads: 3, memoryBytesMax: 2 ** 28 })
  const never = new AbortController().signal
  // The later ones come while all threads are busy, and into memory that was used before.
  for (const sizes of [[1_500_000], [900_000, 700_000, 300_000, 5_000], [1_400_000]]) {
    await Promise.all(
      sizes.map(async (bytes, seed) => {
        const payload = payloadOf(bytes, seed)
        const layout = layoutFor(bytes, { committeeRows: 256, rate: '1/4' })
        const job = await pool.open(layout, bytes, never)
        job.payload.set(payload)
        const coded = await job.encode()
        const expected = encodePayload(payload, layout)
        expect(equalBytes(coded.commitment, expected.commitment)).toBe(true)
        expect(equalBytes(coded.rlc, expected.rlc)).toBe(true)
        for (const index of [0, layout.k - 1, layout.k, layout.k + layout.n - 1]) {
          expect(equalBytes(coded.row(index), expected.row(index))).toBe(true)
          const path = new Uint8Array(32 * Math.log2(layout.k + layout.n))
          coded.copyPath(index, path)
          expect(equalBytes(path, Buffer.concat(expected.proof(index).path))).toBe(true)
        }
        job.release()
      }),
    )
  }
  await pool.close()
})
