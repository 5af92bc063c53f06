import type { Hex } from '@zerog/primitives'
import type { Transaction } from '../../../app/chain-backend.ts'
import { address } from '../codecs/hex.ts'
import { checksumAddress, quantity } from '../format/hex.ts'
import { formatTransaction } from '../format/transaction.ts'
import { type Method, method, required } from '../method.ts'

/** The pool: what can be executed (`pending`) and what waits for an earlier nonce (`queued`). */
export const txpoolMethods: Readonly<Record<string, Method>> = {
  txpool_content: method([], async ({ backend }) => {
    const { pending, queued } = await backend.poolContent()
    return { pending: bySender(pending, formatTransaction), queued: bySender(queued, formatTransaction) }
  }),
  txpool_contentFrom: method([required(address)], async ({ backend }, sender) => {
    const { pending, queued } = await backend.poolContent()
    const own = (list: readonly Transaction[]) =>
      byNonce(
        list.filter(({ from }) => from === sender),
        formatTransaction,
      )
    return { pending: own(pending), queued: own(queued) }
  }),
  txpool_inspect: method([], async ({ backend }) => {
    const { pending, queued } = await backend.poolContent()
    return { pending: bySender(pending, summary), queued: bySender(queued, summary) }
  }),
  txpool_status: method([], async ({ backend }) => {
    const { pending, queued } = await backend.poolContent()
    return { pending: quantity(pending.length), queued: quantity(queued.length) }
  }),
  eth_pendingTransactions: method([], async ({ backend }) => {
    const { pending } = await backend.poolContent()
    // As in geth: those of accounts that this node signs for.
    return pending.filter(({ from }) => backend.accounts.includes(from)).map((transaction) => formatTransaction(transaction))
  }),
}

type Format<T> = (transaction: Transaction) => T

function byNonce<T>(transactions: readonly Transaction[], format: Format<T>): Record<string, T> {
  return Object.fromEntries(transactions.map((transaction) => [transaction.nonce.toString(), format(transaction)]))
}

function bySender<T>(transactions: readonly Transaction[], format: Format<T>): Record<Hex, Record<string, T>> {
  const groups = Map.groupBy(transactions, ({ from }) => from)
  return Object.fromEntries([...groups].map(([from, list]) => [checksumAddress(from), byNonce(list, format)]))
}

function summary({ to, value, gasLimit, maxFeePerGas }: Transaction): string {
  const target = to === null ? 'contract creation' : checksumAddress(to)
  return `${target}: ${value} wei + ${gasLimit} gas × ${maxFeePerGas} wei`
}
