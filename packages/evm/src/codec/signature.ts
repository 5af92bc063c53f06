import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { secp256k1 as portable } from '@noble/curves/secp256k1.js'
import { bigintToBytes, bytesToBigint, concatBytes } from '@zerog/primitives'
import { keccak256 } from './keccak.ts'

export const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const HALF_ORDER = CURVE_ORDER / 2n
const HALF_ORDER_BYTES = bigintToBytes(HALF_ORDER, 32)

/** The addon behind `secp256k1`. 0 is success. Where a length or the parity is wrong it throws or stops the process: they are checked here. */
type NativeCurve = {
  ecdsaRecover(publicKey: Uint8Array, signature: Uint8Array, parity: number, hash: Uint8Array): number
  ecdsaSign(into: { readonly signature: Uint8Array; recid: number | null }, hash: Uint8Array, privateKey: Uint8Array): number
}

/**
 * `secp256k1` falls back silently to a JavaScript curve where it has no prebuilt binary (linux-arm64 is one), which is slower
 * than @noble/curves. So its addon is loaded directly, and its absence is a choice that `curveEngine` reports. The package's own
 * face makes sentences for errors before every call: 4 of 61 us of a recovery.
 */
function loadNative(): NativeCurve | undefined {
  try {
    const bindings = createRequire(import.meta.url).resolve('secp256k1/bindings.js')
    const load = createRequire(bindings)('node-gyp-build') as (folder: string) => { readonly Secp256k1: new () => NativeCurve }
    return new (load(dirname(bindings)).Secp256k1)()
  } catch {
    return undefined
  }
}

const native = loadNative()

/** Which implementation recovers senders: services log it once at start. */
export const curveEngine: 'secp256k1 (native)' | '@noble/curves' = native === undefined ? '@noble/curves' : 'secp256k1 (native)'

/** The 64-byte public key that signed `hash`. Throws if there is none. */
export function recoverPublicKey(hash: Uint8Array, signature: Uint8Array, parity: number): Uint8Array {
  if (native !== undefined) {
    if (hash.length !== 32 || signature.length !== 64) throw new RangeError('a hash has 32 bytes, a signature 64')
    hashIn.set(hash)
    signatureIn.set(signature)
    return recoverNative(native, parity).slice()
  }
  const recovered = portable.Signature.fromBytes(signature, 'compact').addRecoveryBit(parity).recoverPublicKey(hash)
  return recovered.toBytes(false).subarray(1)
}

/** Memory that the addon reads and writes: arrays of its own would be moved out of the heap for each call. */
const hashIn = new Uint8Array(new ArrayBuffer(32))
const signatureIn = new Uint8Array(new ArrayBuffer(64))
const keyOut = new Uint8Array(new ArrayBuffer(65))
/** Without the byte that says that it is not compressed. */
const publicKeyOut = keyOut.subarray(1)

/** Of what stands in `hashIn` and `signatureIn`; lent until the next call. */
function recoverNative(curve: NativeCurve, parity: number): Uint8Array {
  if (parity !== 0 && parity !== 1) throw new RangeError(`a parity of ${parity}`)
  if (curve.ecdsaRecover(keyOut, signatureIn, parity, hashIn) !== 0) throw new RangeError('no key has signed this')
  return publicKeyOut
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
    if (isAbove(input, at + 64, HALF_ORDER_BYTES)) continue
    try {
      const key = recoverAt(input, at)
      out.set(keccak256(key).subarray(12), index * RECOVERED_BYTES)
      out[index * RECOVERED_BYTES + 20] = 1
    } catch {
      // No such signature: r or s is zero or too large, or the point is none.
    }
  }
  return out
}

function recoverAt(input: Uint8Array, at: number): Uint8Array {
  const parity = input[at + 96] as number
  if (native === undefined) return recoverPublicKey(input.subarray(at, at + 32), input.subarray(at + 32, at + 96), parity)
  for (let index = 0; index < 32; index++) hashIn[index] = input[at + index] as number
  for (let index = 0; index < 64; index++) signatureIn[index] = input[at + 32 + index] as number
  return recoverNative(native, parity)
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
    const into: { readonly signature: Uint8Array; recid: number | null } = { signature: new Uint8Array(64), recid: null }
    if (native.ecdsaSign(into, hash, privateKey) !== 0 || into.recid === null) throw new RangeError('no private key')
    const { signature, recid } = into
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
