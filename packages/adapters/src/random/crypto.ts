import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import type { Random } from '@zerog/ports'
import { assert } from '@zerog/primitives'

/** The operating system's generator. */
export const cryptoRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  below: (bound) => {
    assert(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 32, `bound ${bound} is not in [1, 2^32]`)
    return randomInt(bound)
  },
  uuid: () => randomUUID(),
}
