import { createRequire } from 'node:module'
import { secp256k1 as portable } from '@noble/curves/secp256k1.js'
import { bigintToBytes, bytesToBigint, concatBytes } from '@zerog/primitives'
import { keccak256 } from './keccak.ts'

export const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const HALF_ORDER = CURVE_ORDER / 2n
const HALF_ORDER_BYTES = bigintToBytes(HALF_ORDER, 32)

type NativeCurve = Pick<typeof import('secp256k1'), 'ecdsaRecover' | 'ecdsaSign'>

/**
 * `secp256k1` falls back silently to a JavaScript curve where it has no prebuilt binary (linux-arm64 is one), which is slower
 * than @noble/curves. So its binding is loaded directly, and its absence is a choice that `curveEngine` reports.
 */
function loadNative(): NativeCurve | undefined {
  try {
    const require = createRequire(import.meta.url)
    return require('secp256k1/bindings.js') as NativeCurve
  } catch {
    return undefined
  }
}

const native = loadNative()

/** Which implementation recovers senders: services log it once at start. */
export const curveEngine: 'secp256k1 (native)' | '@noble/curves' = native === undefined ? '@noble/curves' : 'secp256k1 (native)'

/** The 64-byte public key that signed `hash`. Throws if there is none. */
export function recoverPublicKey(hash: Uint8Array, signature: Uint8Array, parity: number): Uint8Array {
  if (native !== undefined) return native.ecdsaRecover(signature, parity, hash, false).subarray(1)
  const recovered = portable.Signature.fromBytes(signature, 'compact').addRecoveryBit(parity).recoverPublicKey(hash)
  return recovered.toBytes(false).subarray(1)
}

/**
 * Address of the signer of a 32-byte hash, or undefined if the signature is not one: r and s in [1, n), and s in the lower
 * half unless `allowHighS` (EIP-2).
 */
export function recoverAddress(
  hash: Uint8Array,
  signature: { readonly r: bigint; readonly s: bigint; readonly yParity: number },
): Uint8Array | undefined {
  const { r, s, yParity } = signature
  if (r <= 0n || r >= CURVE_ORDER || s <= 0n || s > HALF_ORDER || (yParity !== 0 && yParity !== 1)) return undefined
  try {
    const compact = concatBytes(bigintToBytes(r, 32), bigintToBytes(s, 32))
    return keccak256(recoverPublicKey(hash, compact, yParity)).subarray(12)
  } catch {
    return undefined
  }
}

/** Bytes of one answer of `recoverPacked`: the address, and whether there is one. */
export const RECOVERED_BYTES = 21

/**
 * Recovers many signers at once, without objects in between: 97 bytes each in (hash, r, s, parity), 21 bytes each out (address, 1 or 0).
 * Refuses what `recoverAddress` refuses.
 */
export function recoverPacked(input: Uint8Array, count: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(count * RECOVERED_BYTES)
  for (let index = 0; index < count; index++) {
    const at = index * 97
    const signature = input.subarray(at + 32, at + 96)
    if (isAbove(signature, 32, HALF_ORDER_BYTES)) continue
    try {
      const key = recoverPublicKey(input.subarray(at, at + 32), signature, input[at + 96] as number)
      out.set(keccak256(key).subarray(12), index * RECOVERED_BYTES)
      out[index * RECOVERED_BYTES + 20] = 1
    } catch {
      // No such signature: r or s is zero or too large, or the point is none.
    }
  }
  return out
}

function isAbove(bytes: Uint8Array, from: number, bound: Uint8Array): boolean {
  for (let index = 0; index < bound.length; index++) {
    const difference = (bytes[from + index] as number) - (bound[index] as number)
    if (difference !== 0) return difference > 0
  }
  return false
}

/** Signs a 32-byte hash deterministically (RFC 6979) with s in the lower half. */
export function signHash(
  hash: Uint8Array,
  privateKey: Uint8Array,
): { readonly r: bigint; readonly s: bigint; readonly yParity: 0 | 1 } {
  if (native !== undefined) {
    const { signature, recid } = native.ecdsaSign(hash, privateKey)
    return {
      r: bytesToBigint(signature.subarray(0, 32)),
      s: bytesToBigint(signature.subarray(32)),
      yParity: (recid & 1) as 0 | 1,
    }
  }
  const bytes = portable.sign(hash, privateKey, { prehash: false, lowS: true, format: 'recovered' })
  const signature = portable.Signature.fromBytes(bytes, 'recovered')
  return { r: signature.r, s: signature.s, yParity: (signature.recovery === 1 ? 1 : 0) as 0 | 1 }
}

/** Address of a private key. */
export function privateKeyAddress(privateKey: Uint8Array): Uint8Array {
  return keccak256(portable.getPublicKey(privateKey, false).subarray(1)).subarray(12)
}
