import { sha256, sha256Counters } from '@zerog/kernels'
import { concatBytes } from '@zerog/primitives'
import type { Engine } from './engine.ts'
import { CHUNK_BYTES, RLC_BYTES } from './limits.ts'
import { merkleTree } from './merkle.ts'
import type { Layout, Shape } from './shape.ts'

/** H(rowRoot ‖ rlcRoot), what stands for the whole bundle. */
export function commitmentOf(rowRoot: Uint8Array, rlcRoot: Uint8Array): Uint8Array {
  return sha256(concatBytes(rowRoot, rlcRoot))
}

/** Fiat-Shamir seed: binds rows, shape and row size, so that none can be chosen after the coefficients are known. */
export function transcriptSeed(rowRoot: Uint8Array, { k, n, rowBytes }: Layout): Uint8Array {
  const numbers = new DataView(new ArrayBuffer(12))
  numbers.setUint32(0, k, true)
  numbers.setUint32(4, n, true)
  numbers.setUint32(8, rowBytes, true)
  return sha256(concatBytes(rowRoot, new Uint8Array(numbers.buffer)))
}

/** Coefficients of the random linear combination: 8 values for each of the rowBytes / 2 symbols of a row. */
export function deriveCoefficients(rowRoot: Uint8Array, layout: Layout): Uint16Array {
  // Hash bytes 2k, 2k + 1 and 16 + 2k, 17 + 2k are value k's two shares: as bytes, one half of the hash added to the other.
  const bytes = sha256Counters(transcriptSeed(rowRoot, layout), layout.rowBytes / 2)
  const coefficients = new Uint16Array(bytes.length / 2)
  for (let index = 0; index < coefficients.length; index++) {
    coefficients[index] = byteAt(bytes, 2 * index) | (byteAt(bytes, 2 * index + 1) << 8)
  }
  return coefficients
}

/** Root over the `k` values of the original rows' combinations. */
export function rlcRootOf(rlc: Uint8Array): Uint8Array {
  return merkleTree(rlc.length / RLC_BYTES, (index) => rlcAt(rlc, index)).root
}

/**
 * Combinations of all k + n rows from those of the k original rows: the code is linear, so the combinations are encoded as rows are.
 * @param rlc k * 16 bytes
 * @returns (k + n) * 16 bytes
 */
export function extendRlc(rlc: Uint8Array, { k, n }: Shape, engine: Engine): Uint8Array {
  // A chunk per value: 8 symbols as 8 low bytes at 0 and 8 high bytes at 32.
  const originals = new Uint8Array(k * CHUNK_BYTES)
  for (let index = 0; index < k; index++) {
    for (let limb = 0; limb < 8; limb++) {
      const value = index * RLC_BYTES + 2 * limb
      const chunk = index * CHUNK_BYTES + limb
      originals[chunk] = byteAt(rlc, value)
      originals[chunk + CHUNK_BYTES / 2] = byteAt(rlc, value + 1)
    }
  }
  const parity = new Uint8Array(n * CHUNK_BYTES)
  engine.encode(originals, parity, { k, n, rowBytes: CHUNK_BYTES })
  const extended = new Uint8Array((k + n) * RLC_BYTES)
  extended.set(rlc)
  for (let index = 0; index < n; index++) {
    for (let limb = 0; limb < 8; limb++) {
      const chunk = index * CHUNK_BYTES + limb
      const value = (k + index) * RLC_BYTES + 2 * limb
      extended[value] = byteAt(parity, chunk)
      extended[value + 1] = byteAt(parity, chunk + CHUNK_BYTES / 2)
    }
  }
  return extended
}

export function rlcAt(rlc: Uint8Array, index: number): Uint8Array {
  return rlc.subarray(index * RLC_BYTES, (index + 1) * RLC_BYTES)
}

/** A byte that exists: every caller stays within its buffer. */
function byteAt(bytes: Uint8Array, offset: number): number {
  return bytes[offset] as number
}
