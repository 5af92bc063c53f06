import { type Domain, hashStruct, settlementDigest, settlementDomain, typedDigest } from '@zerog/evidence'
import type { Hex } from '@zerog/primitives'
import { encodeFunctionData, stringToHex } from 'viem/utils'
import type { RegisteredModel } from '../../app/broker/evidence-models.ts'
import type { AnswerSigner } from '../../app/broker/ports.ts'
import type { Batch } from '../../app/broker/repository.ts'
import type { TransactionRequest } from '../../app/broker/sender.ts'
import type { Publication } from '../../app/broker/settlement.ts'
import type { ServiceTerms } from '../../core/broker/service-terms.ts'
import { modelRegistryAbi, receiptAnchorAbi, servingAbi } from './abi.ts'

/**
 * Gas limits by what was measured on the contracts, with room: what is not used costs nothing. Texts of a service are stored by slots of
 * 32 bytes, 22,100 gas each.
 */
const GAS = {
  register: 500_000n,
  registerPerByte: 900n,
  acknowledge: 250_000n,
  anchor: 250_000n,
  settle: 150_000n,
  settlePerUser: 150_000n,
  registerModel: 200_000n,
} as const

export type RequestAddresses = {
  readonly chainId: bigint
  readonly provider: Hex
  readonly inferenceServing: Hex
  readonly receiptAnchor: Hex
  readonly signerPolicy: Hex
  readonly modelRegistry: Hex
}

/** The provider's transactions. Settlements are signed here, by the same key as answers. */
export function providerRequests(at: RequestAddresses, signer: AnswerSigner) {
  const domain = settlementDomain({ chainId: at.chainId, inferenceServing: at.inferenceServing })
  return {
    register(terms: ServiceTerms, stakeWei: bigint): TransactionRequest {
      const { signer: teeSignerAddress, ...rest } = terms
      const data = encodeFunctionData({
        abi: servingAbi,
        functionName: 'addOrUpdateService',
        args: [{ ...rest, teeSignerAddress }],
      })
      const gas = GAS.register + GAS.registerPerByte * BigInt(data.length / 2)
      return { to: at.inferenceServing, data, value: stakeWei, gas }
    },
    acknowledge(): TransactionRequest {
      const evidence = signer.sign(signerStatement(at, signer.address))
      const data = encodeFunctionData({
        abi: servingAbi,
        functionName: 'acknowledgeTEESignerByPolicy',
        args: [at.provider, evidence],
      })
      return { to: at.inferenceServing, data, gas: GAS.acknowledge }
    },
    anchor(batch: Batch, { dataRoot, epoch, quorumId }: Publication, sum: bigint): TransactionRequest {
      const data = encodeFunctionData({
        abi: receiptAnchorAbi,
        functionName: 'anchor',
        args: [batch.root, dataRoot, epoch, quorumId, sum],
      })
      return { to: at.receiptAnchor, data, gas: GAS.anchor }
    },
    /** Without a lineage: nothing makes one yet. */
    registerModel({ root, mode, licence, pricePerMillionTokensWei }: RegisteredModel): TransactionRequest {
      const text = stringToHex(licence, { size: 32 })
      const data = encodeFunctionData({
        abi: modelRegistryAbi,
        functionName: 'register',
        args: [root, mode, text, pricePerMillionTokensWei, `0x${'00'.repeat(32)}`],
      })
      return { to: at.modelRegistry, data, gas: GAS.registerModel }
    },
    /** Users whose outcome is known are left out; nothing to pay is never there. */
    settle(batch: Batch): TransactionRequest {
      const open = batch.users.filter(({ outcome }) => outcome === undefined)
      const settlements = open.map(({ user, requestsHash, nonce, sum }) => {
        const settlement = { requestsHash, nonce, provider: at.provider, user, totalFee: sum }
        return { ...settlement, signature: signer.sign(settlementDigest(settlement, domain)) }
      })
      const data = encodeFunctionData({ abi: servingAbi, functionName: 'settleFeesWithTEE', args: [settlements] })
      return { to: at.inferenceServing, data, gas: GAS.settle + GAS.settlePerUser * BigInt(open.length) }
    },
  }
}

/** What the signer says about itself to the policy contract (SignerPolicy.sol). */
function signerStatement(at: RequestAddresses, signer: Hex): Hex {
  const domain: Domain = { name: '0G Signer Policy', version: '1', chainId: at.chainId, verifyingContract: at.signerPolicy }
  const type = 'SignerStatement(address serving,address provider,address signer)'
  return typedDigest(domain, hashStruct(type, [at.inferenceServing, at.provider, signer]))
}
