import type { Header, StoredBlock } from '../../../app/chain-backend.ts'
import { quantity } from './hex.ts'
import { formatTransaction } from './transaction.ts'

/** geth's RPCMarshalHeader: header members and the hash, in geth's (alphabetical) order. */
export function formatHeader(header: Header, hash: string | null): Record<string, unknown> {
  return {
    baseFeePerGas: quantity(header.baseFeePerGas),
    blobGasUsed: quantity(header.blobGasUsed),
    difficulty: quantity(header.difficulty),
    excessBlobGas: quantity(header.excessBlobGas),
    extraData: header.extraData,
    gasLimit: quantity(header.gasLimit),
    gasUsed: quantity(header.gasUsed),
    hash,
    logsBloom: header.logsBloom,
    miner: header.beneficiary,
    mixHash: header.prevRandao,
    nonce: header.nonce,
    number: quantity(header.height),
    parentBeaconBlockRoot: header.parentBeaconBlockRoot,
    parentHash: header.parentHash,
    receiptsRoot: header.receiptsRoot,
    requestsHash: header.requestsHash,
    sha3Uncles: header.ommersHash,
    stateRoot: header.stateRoot,
    timestamp: quantity(header.timestampSeconds),
    transactionsRoot: header.transactionsRoot,
    withdrawalsRoot: header.withdrawalsRoot,
  }
}

/** `eth_getBlockBy*`: hashes of the transactions, or with `full` the transactions. */
export function formatBlock(block: StoredBlock, full: boolean): Record<string, unknown> {
  return {
    ...formatHeader(block.header, block.hash),
    size: quantity(block.sizeBytes),
    transactions: full
      ? block.transactions.map((transaction, index) => formatTransaction(transaction, { block, index }))
      : block.transactions.map((transaction) => transaction.hash),
    uncles: [],
    withdrawals: [],
  }
}

/** The block that would follow: no hash, proposer and nonce yet, as geth shows it. */
export function formatPendingBlock(block: StoredBlock, full: boolean): Record<string, unknown> {
  const transactions = full
    ? block.transactions.map((transaction, index) => ({
        ...formatTransaction(transaction),
        blockNumber: quantity(block.header.height),
        transactionIndex: quantity(index),
      }))
    : block.transactions.map((transaction) => transaction.hash)
  return { ...formatBlock(block, false), transactions, hash: null, miner: null, nonce: null }
}
