import type { Hex } from '@zerog/primitives'
import type { SentTransaction } from './repository.ts'

export type TransactionRequest = { readonly to: Hex; readonly data: Hex; readonly value?: bigint; readonly gas: bigint }

/** `nonce_used`: it was not taken because its nonce is used up, by itself or by another one; the next `sign` takes a free one. */
export type SendOutcome = 'sent' | 'nonce_used'

/** Transactions of the provider's account. Only the holder of the settlement lease sends. */
export type TransactionSender = {
  /** Signed and named; nothing is sent. With `replaces` it takes the place of one that the pool may still hold, for a higher fee. */
  sign(request: TransactionRequest, replaces?: Pick<SentTransaction, 'nonce'>): Promise<SentTransaction>
  /** The same bytes may be sent again. Throws what the chain says for any other refusal. */
  send(transaction: SentTransaction): Promise<SendOutcome>
}

/** For transactions that nobody keeps: signed anew until one is taken. */
export async function signAndSend(sender: TransactionSender, request: TransactionRequest): Promise<SentTransaction> {
  for (;;) {
    const transaction = await sender.sign(request)
    if ((await sender.send(transaction)) === 'sent') return transaction
  }
}
