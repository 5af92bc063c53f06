import type { Hex } from '@zerog/primitives'
import type { Fork } from '../interpreter/rules.ts'
import type { Rejected } from './transition.ts'

// EIP-4844 for state tests: the chain itself refuses transactions with blobs before they come here (ARCHITECTURE 3a).

/** What a type-3 transaction has beside the fields of type 2. */
export type BlobFields = { readonly hashes: readonly Hex[]; readonly maxFeePerGas: bigint }

const GAS_PER_BLOB = 131_072n
/** EIP-7691 changes both. */
const BLOBS_MAX: Record<Fork, number> = { cancun: 6, prague: 9 }
const UPDATE_FRACTION: Record<Fork, bigint> = { cancun: 3_338_477n, prague: 5_007_716n }

/** Price of blob gas for an excess: e^(excess / fraction) by the EIP's integer series. */
export function blobBaseFeeOf(excess: bigint, fork: Fork): bigint {
  const denominator = UPDATE_FRACTION[fork]
  let sum = 0n
  let term = denominator
  for (let index = 1n; term > 0n; index++) {
    sum += term
    term = (term * excess) / (denominator * index)
  }
  return sum / denominator
}

export function blobGasOf(blobs: BlobFields | undefined): bigint {
  return blobs === undefined ? 0n : GAS_PER_BLOB * BigInt(blobs.hashes.length)
}

/** Whether these blobs can stand in a block, with geth's words. */
export function checkBlobs(
  blobs: BlobFields,
  at: { readonly from: Hex; readonly to: Hex | null; readonly fork: Fork; readonly blobBaseFee: bigint },
): Rejected | undefined {
  const invalid = (message: string): Rejected => ({ rejected: 'invalid', message })
  if (at.to === null) return invalid(`input string too short for common.Address, decoding into (types.BlobTx).To`)
  if (blobs.hashes.length === 0) return invalid('blob transaction missing blob hashes')
  if (blobs.hashes.length > BLOBS_MAX[at.fork]) return invalid(`blob transaction has too many blobs: ${blobs.hashes.length}`)
  const strange = blobs.hashes.findIndex((hash) => !hash.startsWith('0x01'))
  if (strange >= 0) return invalid(`blob ${strange} has invalid hash version`)
  if (blobs.maxFeePerGas < at.blobBaseFee) {
    return {
      rejected: 'fee_too_low',
      message: `max fee per blob gas less than block blob gas fee: address ${at.from} blobGasFeeCap: ${blobs.maxFeePerGas}, blobBaseFee: ${at.blobBaseFee}`,
    }
  }
  return undefined
}
