import { receiptsRoot, transactionsRoot, validateHeader, verifyState } from '@zerog/evm'
import type { Kv } from '@zerog/ports'
import { type Hex, ZerogError } from '@zerog/primitives'
import { type ChainBlock, createBlockStore } from './block-store.ts'
import { verifyPayload } from './finality.ts'
import { PROBLEMS_MAX } from './limits.ts'
import type { Crypto, Network } from './network.ts'

export type ChainProblem = { readonly table: string; readonly key: string; readonly problem: string }

export type ChainVerification = {
  readonly headHeight: bigint
  readonly blocks: bigint
  readonly stateRecords: number
  /** Empty: every record is what its hash says, and every block follows from its parent. */
  readonly problems: readonly ChainProblem[]
  /** What to do about the problems. */
  readonly remedy: string | undefined
}

/**
 * Reads the stored chain and checks it (`zerog doctor`): headers, leader signatures, r, certificates, roots of transactions and receipts, and
 * indexes of every block. `deep` also hashes every state record and walks the state of the head, so that a chain without problems
 * has exactly the state that its head's header names.
 */
export async function verifyChain(
  network: Network,
  options: { readonly deep: boolean; readonly signal?: AbortSignal; readonly onProgress?: (height: bigint) => void },
  { kv, crypto }: { readonly kv: Kv; readonly crypto: Crypto },
): Promise<ChainVerification> {
  const { deep, signal, onProgress } = options
  const store = createBlockStore(kv)
  const problems: ChainProblem[] = []
  const headHeight = store.headHeight() ?? -1n
  let parent: ChainBlock | undefined
  let blocks = 0n
  for (let height = 0n; height <= headHeight && problems.length < PROBLEMS_MAX; height++) {
    signal?.throwIfAborted()
    if (height % TURN_EVERY === 0n) await new Promise<void>((resolve) => setImmediate(resolve))
    const before = parent
    parent = attempt(problems, { table: 'block', key: String(height) }, () => {
      const block = store.byHeight(height)
      if (block === undefined) throw new ZerogError('NOT_FOUND', { message: 'the block is missing' })
      checkBlock(network, crypto, block, before)
      checkIndexes(store, block)
      return block
    })
    blocks += 1n
    onProgress?.(height)
  }
  const broken = problems.length
  if (!deep || parent === undefined) return { headHeight, blocks, stateRecords: 0, problems, remedy: remedyFor(broken, broken) }
  const { stateRoot } = parent.header
  const state = await verifyState(kv, { stateRoot, problemsMax: PROBLEMS_MAX, ...(signal !== undefined && { signal }) })
  problems.push(...state.problems)
  return { headHeight, blocks, stateRecords: state.records, problems, remedy: remedyFor(broken, problems.length) }
}

const TURN_EVERY = 64n

function remedyFor(blockProblems: number, all: number): string | undefined {
  if (all === 0) return undefined
  return blockProblems === 0
    ? 'run `zerog chain rebuild`: it replays the state from the stored blocks'
    : 'stored blocks are damaged: restore the data folder from a copy, or delete it and let this node follow another one'
}

function attempt<T>(
  problems: ChainProblem[],
  place: { readonly table: string; readonly key: string },
  check: () => T,
): T | undefined {
  try {
    return check()
  } catch (error) {
    problems.push({ ...place, problem: error instanceof Error ? error.message : String(error) })
    return undefined
  }
}

function checkBlock(network: Network, crypto: Crypto, block: ChainBlock, parent: ChainBlock | undefined): void {
  const { header, transactions, receipts } = block
  same('transactionsRoot', transactionsRoot(transactions), header.transactionsRoot)
  same('receiptsRoot', receiptsRoot(receipts), header.receiptsRoot)
  if (header.height === 0n || parent === undefined) return
  validateHeader(header, { ...parent.header, hash: parent.hash }, network.baseFee)
  verifyPayload(network, block, parent, crypto)
}

function checkIndexes(store: ReturnType<typeof createBlockStore>, block: ChainBlock): void {
  if (store.byHash(block.hash)?.header.height !== block.header.height) {
    throw new ZerogError('RECORD_CORRUPT', { message: `the index of block hashes does not lead to ${block.hash}` })
  }
  for (const [index, { hash }] of block.transactions.entries()) {
    const found = store.transaction(hash)
    if (found?.block.hash === block.hash && found.index === index) continue
    throw new ZerogError('RECORD_CORRUPT', { message: `the index of transactions does not lead to ${hash}` })
  }
}

function same(field: string, computed: Hex, stored: Hex): void {
  if (computed === stored) return
  throw new ZerogError('VERIFICATION_FAILED', {
    message: `${field} is ${stored}, the content gives ${computed}`,
    metadata: { field },
  })
}
