import { createHash, type Hash, hash } from 'node:crypto'
import { createRequire } from 'node:module'
import { secp256k1 as portable } from '@noble/curves/secp256k1.js'
import { bigintToBytes, compareBytes, concatBytes, fromHex, type Hex, keccak256, toHex } from '@zerog/primitives'
import type { AnswerSigner, Hashing, Sha256Stream } from '../app/broker/ports.ts'

type NativeCurve = Pick<typeof import('secp256k1'), 'ecdsaRecover' | 'ecdsaSign'>

/** Only its native binding: without it `secp256k1` falls back silently to JavaScript that is slower than @noble/curves. */
function loadNative(): NativeCurve | undefined {
  try {
    return createRequire(import.meta.url)('secp256k1/bindings.js') as NativeCurve // the package has no types for this path
  } catch {
    return undefined
  }
}
const native = loadNative()

/** Which implementation signs and recovers: logged once at start. */
export const curveEngine = native === undefined ? '@noble/curves' : 'secp256k1 (native)'

export function answerSigner(privateKey: Uint8Array): AnswerSigner {
  const publicKey = portable.getPublicKey(privateKey, false)
  const sign = (digest: Uint8Array): Hex => {
    if (native !== undefined) {
      const { signature, recid } = native.ecdsaSign(digest, privateKey)
      return toHex(concatBytes(signature, Uint8Array.of(27 + recid)))
    }
    const signature = portable.sign(digest, privateKey, { prehash: false, format: 'recovered', lowS: true })
    return toHex(concatBytes(signature.subarray(1), Uint8Array.of(27 + (signature[0] as number)))) // recovered: 65 bytes
  }
  return {
    address: addressOf(publicKey),
    sign: (digest) => sign(fromHex(digest, 32)),
    signText: (text) => sign(personalHash(encoder.encode(text))),
  }
}

/** The address behind EIP-191 over the 32 bytes of keccak256(text), as 0G's SDK signs tokens; undefined for no signature. */
export function recoverToken(text: string, signature: Hex): Hex | undefined {
  return recoverAddress(personalHash(keccak256(encoder.encode(text))), fromHex(signature))
}

export function recoverDigest(digest: Hex, signature: Hex): Hex | undefined {
  return recoverAddress(fromHex(digest, 32), fromHex(signature))
}

/** EIP-191, version 0x45. */
function personalHash(message: Uint8Array): Uint8Array {
  return keccak256(concatBytes(encoder.encode(`\x19Ethereum Signed Message:\n${message.length}`), message))
}

function recoverAddress(digest: Uint8Array, signature: Uint8Array): Hex | undefined {
  // Wallets write v as 27 and 28, some as 0 and 1.
  const recovery = ((signature[64] ?? 255) + 256 - 27) % 256
  const parity = recovery <= 1 ? recovery : (signature[64] ?? 255)
  if (signature.length !== 65 || parity > 1) return undefined
  const compact = signature.subarray(0, 64)
  if (compareBytes(compact.subarray(32), HALF_ORDER) > 0) return undefined
  try {
    if (native !== undefined) return addressOf(native.ecdsaRecover(compact, parity, digest, false))
    const recovered = portable.Signature.fromBytes(compact, 'compact').addRecoveryBit(parity)
    return addressOf(recovered.recoverPublicKey(digest).toBytes(false))
  } catch {
    return undefined
  }
}

/** The highest s that has one form. */
const HALF_ORDER = bigintToBytes(portable.Point.Fn.ORDER >> 1n, 32)

/** `publicKey`: 65 bytes. */
function addressOf(publicKey: Uint8Array): Hex {
  return toHex(keccak256(publicKey.subarray(1)).subarray(12))
}

export const nodeHashing: Hashing = {
  sha256: (bytes) => `0x${hash('sha256', bytes, 'hex')}`,
  sha256Stream: () => streamOf(createHash('sha256')),
}

function streamOf(hash: Hash): Sha256Stream {
  return {
    update: (bytes) => {
      hash.update(bytes)
    },
    digest: () => `0x${hash.copy().digest('hex')}`,
  }
}
const encoder = new TextEncoder()
