import type { AccessListItem, Authorization } from '@zerog/evm'
import type { Hex } from '@zerog/primitives'
import type { StoredBlock, Transaction } from '../../../app/chain-backend.ts'
import { quantity } from './hex.ts'

type Place = { readonly block: StoredBlock; readonly index: number }

/** geth's RPCTransaction, members in geth's order. Without a place it is pending: the members of the block are null. */
export function formatTransaction(transaction: Transaction, place?: Place): Record<string, unknown> {
  const { type } = transaction
  return {
    blockHash: place?.block.hash ?? null,
    blockNumber: place === undefined ? null : quantity(place.block.header.height),
    blockTimestamp: place === undefined ? null : quantity(place.block.header.timestampSeconds),
    from: transaction.from,
    gas: quantity(transaction.gasLimit),
    gasPrice: quantity(effectiveGasPrice(transaction, place?.block.header.baseFeePerGas)),
    ...(type >= 2
      ? {
          maxFeePerGas: quantity(transaction.maxFeePerGas),
          maxPriorityFeePerGas: quantity(transaction.maxPriorityFeePerGas),
        }
      : {}),
    ...(transaction.maxFeePerBlobGas === undefined ? {} : { maxFeePerBlobGas: quantity(transaction.maxFeePerBlobGas) }),
    hash: transaction.hash,
    input: transaction.data,
    nonce: quantity(transaction.nonce),
    to: transaction.to,
    transactionIndex: place === undefined ? null : quantity(place.index),
    value: quantity(transaction.value),
    type: quantity(type),
    ...(type >= 1 ? { accessList: formatAccessList(transaction.accessList ?? []) } : {}),
    ...(transaction.chainId === undefined ? {} : { chainId: quantity(transaction.chainId) }),
    ...(transaction.blobVersionedHashes === undefined ? {} : { blobVersionedHashes: transaction.blobVersionedHashes }),
    ...(transaction.authorizationList === undefined
      ? {}
      : { authorizationList: transaction.authorizationList.map(formatAuthorization) }),
    v: quantity(transaction.v),
    r: quantity(transaction.r),
    s: quantity(transaction.s),
    ...(type >= 1 ? { yParity: quantity(transaction.v) } : {}),
  }
}

/** What one gas costs in a block with this base fee; without a block, at most. */
export function effectiveGasPrice(transaction: Transaction, baseFeePerGas: bigint | undefined): bigint {
  if (transaction.gasPrice !== undefined) return transaction.gasPrice
  if (baseFeePerGas === undefined) return transaction.maxFeePerGas
  const price = baseFeePerGas + transaction.maxPriorityFeePerGas
  if (price > transaction.maxFeePerGas) return transaction.maxFeePerGas
  return price
}

/** What the proposer gets per gas. */
export function effectiveTip(transaction: Transaction, baseFeePerGas: bigint): bigint {
  return effectiveGasPrice(transaction, baseFeePerGas) - baseFeePerGas
}

export function formatAccessList(list: readonly AccessListItem[]): readonly { address: Hex; storageKeys: readonly Hex[] }[] {
  return list.map(({ address, storageKeys }) => ({ address, storageKeys }))
}

function formatAuthorization(item: Authorization): Record<string, unknown> {
  return {
    chainId: quantity(item.chainId),
    address: item.address,
    nonce: quantity(item.nonce),
    yParity: quantity(item.yParity),
    r: quantity(item.r),
    s: quantity(item.s),
  }
}
