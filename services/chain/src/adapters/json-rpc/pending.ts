import type { BlockEnvironment } from '@zerog/evm'
import type { ChainBackend, Header, StoredBlock, Transaction } from '../../app/chain-backend.ts'

/**
 * The block that would follow the head: executable transactions of the pool in the environment of the next block. It is not
 * executed (the proposer does that when it seals), so it has no receipts, and roots and gas are those of the head's state.
 */
export async function pendingBlock(backend: ChainBackend): Promise<StoredBlock> {
  const head = backend.head()
  const { pending } = await backend.poolContent()
  const environment = backend.callEnvironment(head, 'pending')
  return {
    ...head,
    header: pendingHeader(head, environment),
    transactions: fitting(pending, environment.gasLimit),
    receipts: [],
    timestampMs: Number(environment.timestampSeconds) * 1000,
  }
}

function pendingHeader(head: StoredBlock, environment: BlockEnvironment): Header {
  return {
    ...head.header,
    parentHash: head.hash,
    beneficiary: environment.beneficiary,
    height: environment.height,
    gasLimit: environment.gasLimit,
    gasUsed: 0n,
    timestampSeconds: environment.timestampSeconds,
    baseFeePerGas: environment.baseFeePerGas,
    prevRandao: environment.prevRandao,
    extraData: environment.extraData,
    logsBloom: `0x${'00'.repeat(256)}`,
    parentBeaconBlockRoot: head.hash,
  }
}

/** As many as surely fit into one block. */
function fitting(transactions: readonly Transaction[], gasLimit: bigint): readonly Transaction[] {
  let gas = 0n
  return transactions.filter((transaction) => {
    gas += transaction.gasLimit
    return gas <= gasLimit
  })
}
