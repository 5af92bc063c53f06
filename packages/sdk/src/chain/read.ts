import type { Address, Block, GetLogsReturnType, Hash, Hex, Transaction, TransactionReceipt } from 'viem'
import * as eth from 'viem/actions'
import type { Context } from '../client.ts'
import { fromViemError } from '../errors.ts'

export type ChainStatus = {
  readonly chainId: number
  /** Height of the highest finalized block. */
  readonly height: bigint
  readonly blockHash: Hash
  readonly timestampSeconds: bigint
  /** wei */
  readonly gasPrice: bigint
  readonly clientVersion: string
}

/** Every read throws ZerogError, whatever viem or the network threw. */
async function read<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw fromViemError(error)
  }
}

export function getChainStatus(context: Context): Promise<ChainStatus> {
  return read(async () => {
    const [chainId, block, gasPrice, clientVersion] = await Promise.all([
      context.chainId(),
      eth.getBlock(context.viem, { blockTag: 'latest' }),
      eth.getGasPrice(context.viem),
      context.transport.request('rpc', { method: 'web3_clientVersion' }),
    ])
    return {
      chainId,
      height: block.number,
      blockHash: block.hash,
      timestampSeconds: block.timestamp,
      gasPrice,
      clientVersion: String(clientVersion),
    }
  })
}

/** A block by height, hash or `latest`. */
export function getBlock(context: Context, id: bigint | Hash | 'latest'): Promise<Block> {
  return read(() => {
    if (typeof id === 'bigint') return eth.getBlock(context.viem, { blockNumber: id })
    return id === 'latest' ? eth.getBlock(context.viem) : eth.getBlock(context.viem, { blockHash: id })
  })
}

export function getTransaction(context: Context, hash: Hash): Promise<Transaction> {
  return read(() => eth.getTransaction(context.viem, { hash }))
}

export function getReceipt(context: Context, hash: Hash): Promise<TransactionReceipt> {
  return read(() => eth.getTransactionReceipt(context.viem, { hash }))
}

/** wei */
export function getBalance(context: Context, address: Address): Promise<bigint> {
  return read(() => eth.getBalance(context.viem, { address }))
}

export function getNonce(context: Context, address: Address): Promise<number> {
  return read(() => eth.getTransactionCount(context.viem, { address, blockTag: 'pending' }))
}

/** eth_call: the returned bytes, `0x` when nothing comes back. */
export function callContract(
  context: Context,
  call: { readonly to: Address; readonly data: Hex; readonly from?: Address },
): Promise<Hex> {
  return read(async () => {
    const { data } = await eth.call(context.viem, {
      to: call.to,
      data: call.data,
      ...(call.from === undefined ? {} : { account: call.from }),
    })
    return data ?? '0x'
  })
}

export function getLogs(
  context: Context,
  filter: { readonly address?: Address; readonly fromHeight: bigint; readonly toHeight: bigint | 'latest' },
): Promise<GetLogsReturnType> {
  return read(() =>
    eth.getLogs(context.viem, {
      fromBlock: filter.fromHeight,
      toBlock: filter.toHeight,
      ...(filter.address === undefined ? {} : { address: filter.address }),
    }),
  )
}
