import { BN254_PAIR_BYTES, bn254PairingHolds, bn254Product, bn254Sum, isBn254Loaded, loadBn254 } from '../../engine/bn254.ts'
import { padded } from './hashes.ts'
import type { Precompile } from './precompile.ts'

const MALFORMED = 'malformed point'
const ready = (): Promise<void> | undefined => (isBn254Loaded() ? undefined : loadBn254())

/** 0x06: a sum in G1 (EIP-196, priced by EIP-1108). */
export const bn254Add: Precompile = {
  gas: () => 150,
  run: (input) => bn254Sum(padded(input, 0, 128)) ?? MALFORMED,
  ready,
}

/** 0x07: a product in G1. */
export const bn254Mul: Precompile = {
  gas: () => 6_000,
  run: (input) => bn254Product(padded(input, 0, 96)) ?? MALFORMED,
  ready,
}

/** 0x08: whether a product of pairings is one (EIP-197). */
export const bn254Pairing: Precompile = {
  gas: (input) => 45_000 + 34_000 * Math.floor(input.length / BN254_PAIR_BYTES),
  run: (input) => {
    if (input.length % BN254_PAIR_BYTES !== 0) return 'bad elliptic curve pairing size'
    const holds = bn254PairingHolds(input)
    if (holds === undefined) return MALFORMED
    const out = new Uint8Array(32)
    out[31] = holds ? 1 : 0
    return out
  },
  ready,
}
