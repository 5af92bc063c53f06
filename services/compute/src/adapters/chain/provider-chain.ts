import type { ChainClient } from '@zerog/ports'
import { type Hex, ZerogError } from '@zerog/primitives'
import { decodeFunctionResult, encodeFunctionData } from 'viem/utils'
import type { ProviderAccount } from '../../app/broker/ports.ts'
import type { ProviderService } from '../../app/broker/registration.ts'
import type { LastSettlement } from '../../app/broker/settlement.ts'
import { modelRegistryAbi, receiptAnchorAbi, servingAbi } from './abi.ts'

export type ProviderChain = {
  account(user: Hex): Promise<ProviderAccount | undefined>
  service(): Promise<ProviderService | undefined>
  isAnchored(batchRoot: Hex): Promise<boolean>
  lastSettlement(user: Hex): Promise<LastSettlement>
  /** Who entered a model into the registry; undefined for nobody. */
  modelOwner(root: Hex): Promise<Hex | undefined>
}

/** What a broker reads of the contracts; always of the newest finalized block. */
export function providerChain(
  at: { readonly provider: Hex; readonly inferenceServing: Hex; readonly receiptAnchor: Hex; readonly modelRegistry: Hex },
  chain: Pick<ChainClient, 'call'>,
): ProviderChain {
  return {
    async account(user) {
      const data = encodeFunctionData({ abi: servingAbi, functionName: 'getAccount', args: [user, at.provider] })
      const output = await existing(chain.call({ to: at.inferenceServing, data }), 'AccountNotExists')
      if (output === undefined) return undefined
      const account = decodeFunctionResult({ abi: servingAbi, functionName: 'getAccount', data: output })
      const { balance, pendingRefund, nonce, generation, revokedBitmap, acknowledged } = account
      return { balance, pendingRefund, nonce, generation, revokedBitmap, acknowledged }
    },
    async service() {
      const data = encodeFunctionData({ abi: servingAbi, functionName: 'getService', args: [at.provider] })
      const output = await existing(chain.call({ to: at.inferenceServing, data }), 'ServiceNotExist')
      if (output === undefined) return undefined
      const service = decodeFunctionResult({ abi: servingAbi, functionName: 'getService', data: output })
      return {
        serviceType: service.serviceType,
        url: service.url,
        model: service.model,
        verifiability: service.verifiability,
        inputPrice: service.inputPrice,
        outputPrice: service.outputPrice,
        additionalInfo: service.additionalInfo,
        signer: service.teeSignerAddress.toLowerCase() as Hex, // an address of viem is 0x and 40 digits
        acknowledged: service.teeSignerAcknowledged,
      }
    },
    async isAnchored(batchRoot) {
      const data = encodeFunctionData({ abi: receiptAnchorAbi, functionName: 'anchorOf', args: [at.provider, batchRoot] })
      const output = await chain.call({ to: at.receiptAnchor, data })
      const anchor = decodeFunctionResult({ abi: receiptAnchorAbi, functionName: 'anchorOf', data: output })
      return BigInt(anchor.dataRoot) !== 0n
    },
    async lastSettlement(user) {
      const data = encodeFunctionData({ abi: servingAbi, functionName: 'settlementOf', args: [user, at.provider] })
      const output = await chain.call({ to: at.inferenceServing, data })
      return decodeFunctionResult({ abi: servingAbi, functionName: 'settlementOf', data: output })
    },
    async modelOwner(root) {
      const data = encodeFunctionData({ abi: modelRegistryAbi, functionName: 'modelOf', args: [root] })
      const output = await chain.call({ to: at.modelRegistry, data })
      const { owner } = decodeFunctionResult({ abi: modelRegistryAbi, functionName: 'modelOf', data: output })
      return BigInt(owner) === 0n ? undefined : (owner.toLowerCase() as Hex) // an address of viem is 0x and 40 digits
    },
  }
}

const SELECTORS = {
  /** AccountNotExists(address,address) */
  AccountNotExists: '0x08ca03ac',
  /** ServiceNotExist(address) */
  ServiceNotExist: '0x098eda7e',
} as const

/** undefined where the contract says that there is none; every other refusal is thrown. */
async function existing(call: Promise<Hex>, absent: keyof typeof SELECTORS): Promise<Hex | undefined> {
  try {
    return await call
  } catch (error) {
    const data = error instanceof ZerogError ? error.metadata.data : undefined
    if (data?.startsWith(SELECTORS[absent]) === true) return undefined
    throw error
  }
}
