import type { StoredBlock } from '../../../app/chain-backend.ts'
import { type BlockRef, blockNumber, blockNumberOrHash } from '../codecs/block.ts'
import { bool } from '../codecs/decode.ts'
import { hash, uint } from '../codecs/hex.ts'
import { formatBlock, formatHeader, formatPendingBlock } from '../format/block.ts'
import { quantity } from '../format/hex.ts'
import { formatReceipts } from '../format/receipt.ts'
import { type Method, type MethodContext, method, required } from '../method.ts'
import { pendingBlock } from '../pending.ts'
import { findBlock } from '../state-at.ts'

/** Blocks and headers. What does not exist is null, as in geth. */
export const ethBlockMethods: Readonly<Record<string, Method>> = {
  eth_getBlockByHash: method([required(hash), required(bool)], ({ backend }, blockHash, full) =>
    orNull(backend.blockByHash(blockHash), (block) => formatBlock(block, full)),
  ),
  eth_getBlockByNumber: method([required(blockNumber), required(bool)], async (context, ref, full) =>
    isPending(ref)
      ? formatPendingBlock(await pendingBlock(context.backend), full)
      : orNull(findBlock(context.backend, ref), (block) => formatBlock(block, full)),
  ),
  eth_getHeaderByHash: method([required(hash)], ({ backend }, blockHash) =>
    orNull(backend.blockByHash(blockHash), (block) => formatHeader(block.header, block.hash)),
  ),
  eth_getHeaderByNumber: method([required(blockNumber)], async ({ backend }, ref) => {
    if (isPending(ref)) return { ...formatHeader((await pendingBlock(backend)).header, null), miner: null, nonce: null }
    return orNull(findBlock(backend, ref), (block) => formatHeader(block.header, block.hash))
  }),
  eth_getBlockReceipts: method([required(blockNumberOrHash)], ({ backend }, ref) =>
    orNull(findBlock(backend, ref), formatReceipts),
  ),
  eth_getBlockTransactionCountByHash: method([required(hash)], ({ backend }, blockHash) =>
    orNull(backend.blockByHash(blockHash), ({ transactions }) => quantity(transactions.length)),
  ),
  eth_getBlockTransactionCountByNumber: method([required(blockNumber)], async (context, ref) =>
    orNull(await blockOrPending(context, ref), ({ transactions }) => quantity(transactions.length)),
  ),
  // A chain with finality has no uncles.
  eth_getUncleCountByBlockHash: method([required(hash)], ({ backend }, blockHash) =>
    orNull(backend.blockByHash(blockHash), () => '0x0'),
  ),
  eth_getUncleCountByBlockNumber: method([required(blockNumber)], ({ backend }, ref) =>
    orNull(findBlock(backend, ref), () => '0x0'),
  ),
  eth_getUncleByBlockHashAndIndex: method([required(hash), required(uint)], () => null),
  eth_getUncleByBlockNumberAndIndex: method([required(blockNumber), required(uint)], () => null),
}

export function isPending(ref: BlockRef): boolean {
  return ref.kind === 'tag' && ref.tag === 'pending'
}

export async function blockOrPending({ backend }: MethodContext, ref: BlockRef): Promise<StoredBlock | undefined> {
  return isPending(ref) ? pendingBlock(backend) : findBlock(backend, ref)
}

function orNull<T, R>(value: T | undefined, format: (value: T) => R): R | null {
  return value === undefined ? null : format(value)
}
