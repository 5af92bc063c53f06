import type { Hex } from '@zerog/primitives'
import type { Log, Receipt, StoredBlock, Transaction } from '../../../app/chain-backend.ts'
import { quantity } from './hex.ts'

/** A log with its place; the form of `eth_getLogs`, receipts and subscriptions. */
export type FormattedLog = {
  readonly address: Hex
  readonly topics: readonly Hex[]
  readonly data: Hex
  readonly blockNumber: Hex
  readonly transactionHash: Hex
  readonly transactionIndex: Hex
  readonly blockHash: Hex
  readonly blockTimestamp: Hex
  readonly logIndex: Hex
  readonly removed: false
}

type Place = { readonly block: StoredBlock; readonly transactionIndex: number; readonly logIndex: number }

export function formatLog(log: Log, { block, transactionIndex, logIndex }: Place): FormattedLog {
  return {
    address: log.address,
    topics: log.topics,
    data: log.data,
    blockNumber: quantity(block.header.height),
    // The place was made from the block's own lists.
    transactionHash: (block.transactions[transactionIndex] as Transaction).hash,
    transactionIndex: quantity(transactionIndex),
    blockHash: block.hash,
    blockTimestamp: quantity(block.header.timestampSeconds),
    logIndex: quantity(logIndex),
    removed: false,
  }
}

/** `logIndexFirst` is the number of logs in the block before this receipt. */
export function formatReceipt(block: StoredBlock, index: number, logIndexFirst: number): Record<string, unknown> {
  const transaction = block.transactions[index] as Transaction
  const receipt = block.receipts[index] as Receipt
  return {
    blockHash: block.hash,
    blockNumber: quantity(block.header.height),
    contractAddress: receipt.contractAddress,
    cumulativeGasUsed: quantity(receipt.cumulativeGasUsed),
    effectiveGasPrice: quantity(receipt.effectiveGasPrice),
    from: transaction.from,
    gasUsed: quantity(receipt.gasUsed),
    logs: receipt.logs.map((log, offset) => formatLog(log, { block, transactionIndex: index, logIndex: logIndexFirst + offset })),
    logsBloom: receipt.logsBloom,
    status: quantity(receipt.status),
    to: transaction.to,
    transactionHash: transaction.hash,
    transactionIndex: quantity(index),
    type: quantity(receipt.type),
  }
}

export function formatReceipts(block: StoredBlock): readonly Record<string, unknown>[] {
  let logIndexFirst = 0
  return block.receipts.map((receipt, index) => {
    const formatted = formatReceipt(block, index, logIndexFirst)
    logIndexFirst += receipt.logs.length
    return formatted
  })
}
