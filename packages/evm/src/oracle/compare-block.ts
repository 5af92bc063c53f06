import type { Hex } from '@zerog/primitives'
import type { ExecutedBlock, Log } from '../executor.ts'
import type { OracleBlock } from './oracle.ts'

export type BlockDifference = {
  /** undefined: it shows in the block as a whole only. */
  readonly transaction?: { readonly index: number; readonly hash: Hex }
  readonly field: string
  readonly ours: string
  readonly oracle: string
}

/** The first field in which a block of ours is not what the oracle got: transactions in their order, then the header's fields. */
export function compareBlock(
  { header, transactions, receipts }: Pick<ExecutedBlock, 'header' | 'transactions' | 'receipts'>,
  oracle: OracleBlock,
): BlockDifference | undefined {
  for (const [index, receipt] of receipts.entries()) {
    const theirs = oracle.results[index]
    const hash = transactions[index]?.hash ?? '0x'
    const pairs: (readonly [field: string, ours: string, oracle: string])[] = [
      ['status', String(receipt.status), String(theirs?.status)],
      ['gasUsed', String(receipt.gasUsed), String(theirs?.gasUsed)],
      ['logs', logsText(receipt.logs), logsText(theirs?.logs ?? [])],
    ]
    if (receipt.contractAddress !== null && receipt.status === 1) {
      pairs.push(['contractAddress', receipt.contractAddress, String(theirs?.contractAddress)])
    }
    for (const [field, a, b] of pairs) if (a !== b) return { transaction: { index, hash }, field, ours: a, oracle: b }
  }
  for (const field of ['gasUsed', 'logsBloom', 'receiptsRoot', 'stateRoot'] as const) {
    if (header[field] !== oracle[field]) return { field, ours: String(header[field]), oracle: String(oracle[field]) }
  }
  return undefined
}

function logsText(logs: readonly Log[]): string {
  return JSON.stringify(logs.map(({ address, topics, data }) => [address, topics, data]))
}
