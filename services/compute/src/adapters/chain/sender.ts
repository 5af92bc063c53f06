import type { ChainClient } from '@zerog/ports'
import { assert, type Hex, ZerogError } from '@zerog/primitives'
import { privateKeyToAccount } from 'viem/accounts'
import { keccak256 } from 'viem/utils'
import type { SentTransaction } from '../../app/broker/repository.ts'
import type { SendOutcome, TransactionSender } from '../../app/broker/sender.ts'

export type SenderOptions = {
  readonly privateKey: Hex
  readonly chainId: number
  readonly maxFeePerGasWei: bigint
  readonly maxPriorityFeePerGasWei: bigint
}

/**
 * Transactions of the provider's account, one after the other. The chain port cannot be asked for a nonce, and need not: a transaction
 * whose nonce is used up is refused with the next one, and nothing was sent then.
 */
export function transactionSender(options: SenderOptions, chain: Pick<ChainClient, 'sendRawTransaction'>): TransactionSender {
  const account = privateKeyToAccount(options.privateKey)
  let next = 0n

  return {
    async sign({ to, data, value = 0n, gas }, replaces): Promise<SentTransaction> {
      const nonce = replaces?.nonce ?? next
      const percent = replaces === undefined ? 100n : REPLACEMENT_FEE_PERCENT
      const raw = await account.signTransaction({
        type: 'eip1559',
        chainId: options.chainId,
        nonce: Number(nonce),
        maxFeePerGas: (options.maxFeePerGasWei * percent) / 100n,
        maxPriorityFeePerGas: (options.maxPriorityFeePerGasWei * percent) / 100n,
        gas,
        to,
        data,
        value,
      })
      return { raw, hash: keccak256(raw), nonce }
    },
    async send({ raw, hash, nonce }): Promise<SendOutcome> {
      try {
        const sent = await chain.sendRawTransaction(raw)
        assert(sent === hash, 'the chain names a transaction by the hash of its bytes')
        if (nonce >= next) next = nonce + 1n
        return 'sent'
      } catch (error) {
        const used = nextNonceOf(error)
        if (used === undefined) throw error
        next = used
        return 'nonce_used'
      }
    },
  }
}

/** Pools take a replacement for at least a tenth more. */
const REPLACEMENT_FEE_PERCENT = 125n

/** geth's words, which every pool of ours uses: `nonce too low: next nonce 13, tx nonce 0`. */
function nextNonceOf(error: unknown): bigint | undefined {
  if (!(error instanceof ZerogError) || error.reason !== 'TRANSACTION_REFUSED') return undefined
  const digits = /nonce too low: next nonce (\d+)/.exec(error.message)?.[1]
  return digits === undefined ? undefined : BigInt(digits)
}
