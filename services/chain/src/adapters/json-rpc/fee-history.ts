import type { Hex } from '@zerog/primitives'
import type { ChainBackend, Receipt, StoredBlock, Transaction } from '../../app/chain-backend.ts'
import type { BlockRef } from './codecs/block.ts'
import { serverError } from './errors.ts'
import { ascending } from './fees.ts'
import { quantity } from './format/hex.ts'
import { effectiveTip } from './format/transaction.ts'

export type FeeHistory = {
  readonly oldestBlock: Hex
  readonly reward?: readonly (readonly Hex[])[]
  /** One more than blocks: the last is the fee of the next block. */
  readonly baseFeePerGas?: readonly Hex[]
  readonly gasUsedRatio: readonly number[] | null
  readonly baseFeePerBlobGas?: readonly Hex[]
  readonly blobGasUsedRatio?: readonly number[] | null
}

/** The fee per blob gas while no blob exists: EIP-4844's minimum. */
const BLOB_BASE_FEE = '0x1'

/** `eth_feeHistory`; the rules and texts are geth's. */
export function feeHistory(
  backend: ChainBackend,
  request: { readonly blockCount: bigint; readonly newest: BlockRef; readonly percentiles: readonly number[] },
  limits: { readonly feeHistoryBlocksMax: number; readonly feeHistoryPercentilesMax: number },
): FeeHistory {
  const { percentiles } = request
  checkPercentiles(percentiles, limits.feeHistoryPercentilesMax)
  const newest = newestBlock(backend, request.newest)
  if (request.blockCount === 0n) return { oldestBlock: '0x0', gasUsedRatio: null }
  const wanted = request.blockCount > limits.feeHistoryBlocksMax ? BigInt(limits.feeHistoryBlocksMax) : request.blockCount
  const first = newest.header.height + 1n > wanted ? newest.header.height + 1n - wanted : 0n
  const blocks: StoredBlock[] = []
  for (let height = first; height <= newest.header.height; height++) {
    const block = backend.blockByHeight(height)
    if (block === undefined) throw serverError('header not found')
    blocks.push(block)
  }
  const baseFees = [...blocks.map(({ header }) => header.baseFeePerGas), backend.nextBaseFee(newest)]
  return {
    oldestBlock: quantity(first),
    ...(percentiles.length === 0 ? {} : { reward: blocks.map((block) => rewards(block, percentiles)) }),
    baseFeePerGas: baseFees.map(quantity),
    gasUsedRatio: blocks.map(({ header }) => Number(header.gasUsed) / Number(header.gasLimit)),
    baseFeePerBlobGas: baseFees.map(() => BLOB_BASE_FEE),
    blobGasUsedRatio: blocks.map(() => 0),
  }
}

function newestBlock(backend: ChainBackend, ref: BlockRef): StoredBlock {
  const head = backend.head()
  if (ref.kind === 'tag') return (ref.tag === 'earliest' ? backend.blockByHeight(0n) : head) ?? head
  const block = ref.kind === 'hash' ? backend.blockByHash(ref.hash) : backend.blockByHeight(ref.height)
  if (block !== undefined) return block
  if (ref.kind === 'hash') throw serverError('header for hash not found')
  throw serverError(`request beyond head block: requested ${ref.height}, head ${head.header.height}`)
}

function checkPercentiles(percentiles: readonly number[], countMax: number): void {
  if (percentiles.length > countMax) throw serverError(`over the query limit ${countMax}`)
  percentiles.forEach((value, index) => {
    if (value < 0 || value > 100) throw serverError(`invalid reward percentile: ${value.toFixed(6)}`)
    const before = percentiles[index - 1]
    if (before !== undefined && value <= before) {
      throw serverError(`invalid reward percentile: #${index - 1}:${before.toFixed(6)} >= #${index}:${value.toFixed(6)}`)
    }
  })
}

/** The tip that the gas at each percentile of the block paid, transactions in order of their tips. */
function rewards(block: StoredBlock, percentiles: readonly number[]): readonly Hex[] {
  if (block.transactions.length === 0) return percentiles.map(() => '0x0')
  const paid = block.transactions
    .map((transaction: Transaction, index) => ({
      tip: effectiveTip(transaction, block.header.baseFeePerGas),
      gasUsed: (block.receipts[index] as Receipt).gasUsed,
    }))
    .sort((a, b) => ascending(a.tip, b.tip))
  let at = 0
  let gasUsed = paid[0]?.gasUsed ?? 0n
  return percentiles.map((percentile) => {
    const threshold = BigInt(Math.floor((Number(block.header.gasUsed) * percentile) / 100))
    while (gasUsed < threshold && at < paid.length - 1) {
      at++
      gasUsed += paid[at]?.gasUsed ?? 0n
    }
    return quantity(paid[at]?.tip ?? 0n)
  })
}
