import { type Hex, toHex } from '@zerog/primitives'
import type { StoredBlock } from '../../../app/chain-backend.ts'
import { blockNumber } from '../codecs/block.ts'
import { hash, uint } from '../codecs/hex.ts'
import { formatReceipt } from '../format/receipt.ts'
import { formatTransaction } from '../format/transaction.ts'
import { type Method, type MethodContext, method, required } from '../method.ts'
import { findBlock } from '../state-at.ts'
import { blockOrPending, isPending } from './eth-blocks.ts'

/** Transactions and receipts. A receipt is readable from the instant on in which its block is announced. */
export const ethTransactionMethods: Readonly<Record<string, Method>> = {
  eth_getTransactionByHash: method([required(hash)], async ({ backend }, id) => {
    const located = backend.transaction(id)
    if (located !== undefined) return formatTransaction(located.transaction, located)
    const pooled = await backend.pooled(id)
    // It may have left the pool for a block while we asked.
    const sealed = pooled === undefined ? backend.transaction(id) : undefined
    if (sealed !== undefined) return formatTransaction(sealed.transaction, sealed)
    return pooled === undefined ? null : formatTransaction(pooled)
  }),
  eth_getTransactionReceipt: method([required(hash)], ({ backend }, id) => {
    const located = backend.transaction(id)
    return located === undefined ? null : formatReceipt(located.block, located.index, located.logIndexFirst)
  }),
  eth_getTransactionByBlockHashAndIndex: method([required(hash), required(uint)], ({ backend }, blockHash, index) =>
    transactionAt(backend.blockByHash(blockHash), index),
  ),
  eth_getTransactionByBlockNumberAndIndex: method([required(blockNumber), required(uint)], async (context, ref, index) =>
    isPending(ref) ? pendingAt(context, index) : transactionAt(findBlock(context.backend, ref), index),
  ),
  eth_getRawTransactionByHash: method([required(hash)], (context, id) => rawTransaction(context, id)),
  eth_getRawTransactionByBlockHashAndIndex: method([required(hash), required(uint)], ({ backend }, blockHash, index) =>
    rawAt(backend.blockByHash(blockHash), index),
  ),
  eth_getRawTransactionByBlockNumberAndIndex: method([required(blockNumber), required(uint)], async (context, ref, index) =>
    rawAt(await blockOrPending(context, ref), index),
  ),
}

/** The bytes as they were signed; `0x` for a transaction that nobody knows, as geth does. */
export async function rawTransaction({ backend }: MethodContext, id: Hex): Promise<Hex> {
  const transaction = backend.transaction(id)?.transaction ?? (await backend.pooled(id))
  return transaction === undefined ? '0x' : toHex(transaction.raw)
}

function transactionAt(block: StoredBlock | undefined, index: bigint): unknown {
  const transaction = block?.transactions[Number(index)]
  return block === undefined || transaction === undefined ? null : formatTransaction(transaction, { block, index: Number(index) })
}

async function pendingAt(context: MethodContext, index: bigint): Promise<unknown> {
  const block = await blockOrPending(context, { kind: 'tag', tag: 'pending' })
  const transaction = block?.transactions[Number(index)]
  return transaction === undefined ? null : formatTransaction(transaction)
}

function rawAt(block: StoredBlock | undefined, index: bigint): Hex {
  const transaction = block?.transactions[Number(index)]
  return transaction === undefined ? '0x' : toHex(transaction.raw)
}
