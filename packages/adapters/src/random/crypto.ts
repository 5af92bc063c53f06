import { randomBytes, randomFillSync, randomInt, randomUUID } from 'node:crypto'
import type { Random } from '@zerog/ports'
import { assert } from '@zerog/primitives'

/** The operating system's generator. */
export const cryptoRandom: Random = {
  bytes: (length) => (length > POOL_BYTES / 8 ? new Uint8Array(randomBytes(length)) : fromPool(length)),
  below: (bound) => {
    assert(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 32, `bound ${bound} is not in [1, 2^32]`)
    return randomInt(bound)
  },
  uuid: () => randomUUID(),
}

/** Small requests share one call of the generator: the call costs 20 times as much as 32 bytes of it. */
const POOL_BYTES = 4096
const pool = new Uint8Array(POOL_BYTES)
let used = POOL_BYTES

function fromPool(length: number): Uint8Array {
  if (used + length > POOL_BYTES) {
    randomFillSync(pool)
    used = 0
  }
  const bytes = pool.slice(used, used + length)
  // Whoever reads memory later finds nothing of what was given out.
  pool.fill(0, used, used + length)
  used += length
  return bytes
}
