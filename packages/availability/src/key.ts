import { bigintToBytes, compareBytes, concatBytes } from '@zerog/primitives'
import { ADDRESS_BYTES, KEY_BYTES } from './limits.ts'
import { malformed } from './refusal.ts'

const HALF = KEY_BYTES / 2
const FIELD_ORDER = 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn
const P = bigintToBytes(FIELD_ORDER, HALF)
/** The larger of y and -y is above this. */
const P_HALF = bigintToBytes((FIELD_ORDER - 1n) / 2n, HALF)
const POSSESSION_DOMAIN = new TextEncoder().encode('zerog/da/possession/v1')

/**
 * The compressed form, 48 bytes, of an affine key x ‖ y: what BLS libraries take. That the point is on the curve and in the subgroup was
 * proven when it was registered.
 * @throws ZerogError INVALID_ARGUMENT where a coordinate is not reduced or the point is infinity
 */
export function compressKey(key: Uint8Array): Uint8Array {
  if (key.length !== KEY_BYTES) throw malformed('key', `an affine key has ${KEY_BYTES} bytes, not ${key.length}`)
  const y = key.subarray(HALF)
  if (compareBytes(key.subarray(0, HALF), P) >= 0 || compareBytes(y, P) >= 0)
    throw malformed('key', 'a coordinate is not reduced')
  if (y.every((byte) => byte === 0)) throw malformed('key', 'no point of the group has y = 0')
  const out = key.slice(0, HALF)
  out[0] = (out[0] as number) | 0x80 | (compareBytes(y, P_HALF) > 0 ? 0x20 : 0)
  return out
}

/**
 * What the owner of a key signs to register it: domain ‖ u64 chainId ‖ 20 bytes account ‖ 48 bytes compressed key. It proves that the key is
 * no combination of others' keys, and naming chain and account keeps anybody else from registering it with the same proof.
 */
export function possessionMessage(options: {
  readonly chainId: bigint
  readonly account: Uint8Array
  readonly publicKey: Uint8Array
}): Uint8Array {
  if (options.account.length !== ADDRESS_BYTES) throw malformed('possession', 'an account has 20 bytes')
  return concatBytes(POSSESSION_DOMAIN, bigintToBytes(options.chainId, 8), options.account, options.publicKey)
}
