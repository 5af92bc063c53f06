import { assert, bigintToBytes, bytesToBigint, concatBytes, toHex, ZerogError } from '@zerog/primitives'
import type { Sha256 } from './randomness.ts'
import type { Validator } from './simplex/committee.ts'
import { VALIDATORS_MAX } from './simplex/limits.ts'

const DOMAIN = new TextEncoder().encode('zerog/validator-set/v1')
const PUBLIC_KEY_LENGTH = 48
const MEMBER_LENGTH = PUBLIC_KEY_LENGTH + 16

/** count u32 || (public key 48 || stake u128) of each validator in order, integers big-endian. */
export function encodeValidatorSet(validators: readonly Validator[]): Uint8Array {
  assert(
    validators.every(({ publicKey }) => publicKey.length === PUBLIC_KEY_LENGTH),
    'public keys have 48 bytes',
  )
  const members = validators.map(({ publicKey, stake }) => concatBytes(publicKey, bigintToBytes(stake, 16)))
  return concatBytes(bigintToBytes(BigInt(validators.length), 4), ...members)
}

/** The one encoding of a set: 1 to 1,024 validators with stake and distinct keys. Throws PROOF_INVALID. Keys are not checked as points. */
export function decodeValidatorSet(bytes: Uint8Array): Validator[] {
  const refuse = (problem: string): never => {
    throw new ZerogError('PROOF_INVALID', { message: `validator set refused: ${problem}` })
  }
  const count = bytes.length < 4 ? refuse(`${bytes.length} bytes are too short`) : Number(bytesToBigint(bytes.subarray(0, 4)))
  if (count < 1 || count > VALIDATORS_MAX) refuse(`${count} validators`)
  if (bytes.length !== 4 + count * MEMBER_LENGTH) refuse(`length ${bytes.length} does not fit ${count} validators`)
  const validators: Validator[] = []
  const keys = new Set<string>()
  for (let offset = 4; offset < bytes.length; offset += MEMBER_LENGTH) {
    const publicKey = bytes.slice(offset, offset + PUBLIC_KEY_LENGTH)
    const stake = bytesToBigint(bytes.subarray(offset + PUBLIC_KEY_LENGTH, offset + MEMBER_LENGTH))
    if (stake === 0n) refuse('a validator without stake')
    keys.add(toHex(publicKey))
    validators.push({ publicKey, stake })
  }
  if (keys.size !== count) refuse('a key stands in it twice')
  return validators
}

/** What `extraData` of a header names: SHA-256(domain || encoded set). */
export function validatorSetHash(validators: readonly Validator[], sha256: Sha256): Uint8Array {
  return sha256(concatBytes(DOMAIN, encodeValidatorSet(validators)))
}
