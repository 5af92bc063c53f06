import { bigintToBytes, bytesToBigint, concatBytes } from '@zerog/primitives'
import type { Validator } from './committee.ts'
import type { ValidatorIndex, View } from './types.ts'

const DOMAIN = new TextEncoder().encode('zerog/simplex/leader/v1')

/**
 * The leader of each view of an epoch, in proportion to stake: SHA-256(domain || seed || epoch u64 || view u64) modulo the total
 * stake, read as 256-bit big-endian integer, falls into one validator's share. `seed` is r at the end of epoch e-2, so it is
 * fixed before the validators of e could prepare for it.
 */
export function leaderSchedule(options: {
  readonly seed: Uint8Array
  readonly epoch: bigint
  readonly validators: readonly Validator[]
  readonly sha256: (bytes: Uint8Array) => Uint8Array
}): (view: View) => ValidatorIndex {
  const { seed, epoch, validators, sha256 } = options
  const total = validators.reduce((sum, validator) => sum + validator.stake, 0n)
  return (view) => {
    const digest = sha256(concatBytes(DOMAIN, seed, bigintToBytes(epoch, 8), bigintToBytes(BigInt(view), 8)))
    let rest = bytesToBigint(digest) % total
    for (const [index, validator] of validators.entries()) {
      if (rest < validator.stake) return index
      rest -= validator.stake
    }
    return validators.length - 1
  }
}
