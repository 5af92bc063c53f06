import { hash } from 'node:crypto'
import { equalBytes } from '@zerog/primitives'
import { isBlsLoaded, loadBls, verifyPointEvaluation } from '../../engine/bls.ts'
import type { Precompile } from './precompile.ts'

const INPUT_BYTES = 192

/** Field elements per blob and the order of the field (EIP-4844). */
const OUTPUT = new Uint8Array(
  Buffer.from(
    '000000000000000000000000000000000000000000000000000000000000100073eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001',
    'hex',
  ),
)

/** 0x0a: point evaluation (EIP-4844). Input: versioned hash, z, y, commitment, proof. */
export const pointEvaluation: Precompile = {
  gas: () => 50_000,
  run: (input) => {
    if (input.length !== INPUT_BYTES) return 'invalid input length'
    const commitment = input.subarray(96, 144)
    const versioned = new Uint8Array(hash('sha256', commitment, 'buffer'))
    versioned[0] = 0x01
    if (!equalBytes(versioned, input.subarray(0, 32))) return 'mismatched versioned hash'
    try {
      const claim = { commitment, z: input.subarray(32, 64), y: input.subarray(64, 96), proof: input.subarray(144, 192) }
      if (!verifyPointEvaluation(claim)) return KZG_ERROR
    } catch {
      return KZG_ERROR
    }
    return OUTPUT.slice()
  },
  ready: () => (isBlsLoaded() ? undefined : loadBls()),
}

const KZG_ERROR = 'error verifying kzg proof'
