import type { Hex } from '@zerog/primitives'
import { type Domain, hashStruct, typedDigest, typeHash } from './eip712.ts'
import { recoverSigner, signDigest } from './signature.ts'

/** What a provider's signer signs for a user of a batch; the fields of 0G's `TEESettlementData` without its signature. */
export type Settlement = {
  readonly requestsHash: Hex
  /** rising per user and provider */
  readonly nonce: bigint
  readonly provider: Hex
  readonly user: Hex
  /** the sum of the user's tree, in wei */
  readonly totalFee: bigint
}

const SETTLEMENT_TYPE = 'TEESettlement(bytes32 requestsHash,uint256 nonce,address provider,address user,uint256 totalFee)'

export const SETTLEMENT_TYPE_HASH = typeHash(SETTLEMENT_TYPE)

/** `verifyingContract` is the InferenceServing of the network. */
export function settlementDomain(options: { readonly chainId: bigint; readonly inferenceServing: Hex }): Domain {
  return { name: '0G Inference Serving', version: '1', chainId: options.chainId, verifyingContract: options.inferenceServing }
}

export function settlementDigest(settlement: Settlement, domain: Domain): Hex {
  const { requestsHash, nonce, provider, user, totalFee } = settlement
  return typedDigest(domain, hashStruct(SETTLEMENT_TYPE, [requestsHash, nonce, provider, user, totalFee]))
}

export function signSettlement(
  settlement: Settlement,
  options: { readonly domain: Domain; readonly privateKey: Uint8Array },
): Hex {
  return signDigest(settlementDigest(settlement, options.domain), options.privateKey)
}

/** The address that signed. @throws ZerogError ENCODING_INVALID */
export function recoverSettlementSigner(
  settlement: Settlement,
  options: { readonly domain: Domain; readonly signature: Hex },
): Hex {
  return recoverSigner(settlementDigest(settlement, options.domain), options.signature)
}
