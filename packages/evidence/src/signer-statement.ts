import type { Hex } from '@zerog/primitives'
import { hashStruct, typedDigest } from './eip712.ts'
import { signDigest } from './signature.ts'

/** What a signer, and attesters for it, sign so that the SignerPolicy acknowledges it. */
export type SignerStatement = {
  /** InferenceServing or FineTuningServing */
  readonly serving: Hex
  readonly provider: Hex
  readonly signer: Hex
}

/** EIP-712, domain of the SignerPolicy of a network. */
export function signerStatementDigest(
  { serving, provider, signer }: SignerStatement,
  { chainId, signerPolicy }: { readonly chainId: bigint; readonly signerPolicy: Hex },
): Hex {
  const domain = { name: '0G Signer Policy', version: '1', chainId, verifyingContract: signerPolicy }
  return typedDigest(
    domain,
    hashStruct('SignerStatement(address serving,address provider,address signer)', [serving, provider, signer]),
  )
}

/** The evidence that `acknowledgeTEESignerByPolicy` takes where no attesters are required. */
export function signSignerStatement(
  statement: SignerStatement,
  options: { readonly chainId: bigint; readonly signerPolicy: Hex; readonly privateKey: Uint8Array },
): Hex {
  return signDigest(signerStatementDigest(statement, options), options.privateKey)
}
