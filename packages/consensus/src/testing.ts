import type { Multisignature } from './simplex/committee.ts'

const LENGTH = 96

/** FNV-1a over key and message, spread over 96 bytes: as good as a signature among actors that only use their own keys. */
function mark(key: Uint8Array, message: Uint8Array): Uint8Array {
  let state = 0x811c9dc5
  for (const part of [key, message]) for (const byte of part) state = Math.imul(state ^ byte, 0x01000193)
  const out = new Uint8Array(LENGTH)
  for (let index = 0; index < LENGTH; index += 4) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + index
    out[index] = state
    out[index + 1] = state >>> 8
    out[index + 2] = state >>> 16
    out[index + 3] = state >>> 24
  }
  return out
}

function sum(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(LENGTH)
  for (const part of parts)
    for (let index = 0; index < LENGTH; index++) out[index] = (out[index] as number) + (part[index] as number)
  return out
}

/** The key of a validator in one epoch; it stands for secret and public key. */
export const simulatedKey = (epoch: number, index: number): Uint8Array => Uint8Array.of(epoch, index, 0x5a)

export const simulatedSign = mark

/** For simulations: aggregation is addition, as with BLS. Real BLS has its own tests and would cost a thousandfold in a simulator. */
export const simulatedMultisignature: Multisignature = {
  verify: (keys, message, signature) => {
    const expected = sum(keys.map((key) => mark(key, message)))
    return signature.length === LENGTH && expected.every((byte, index) => byte === signature[index])
  },
  aggregate: (signatures) => (signatures.every((signature) => signature.length === LENGTH) ? sum(signatures) : undefined),
}
