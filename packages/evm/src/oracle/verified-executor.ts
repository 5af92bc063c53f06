import type { Kv } from '@zerog/ports'
import { type Hex, ZerogError } from '@zerog/primitives'
import type { ChainExecutor } from '../create-executor.ts'
import type { ExecutedBlock, Header } from '../executor.ts'
import { environmentOf } from '../header-rules.ts'
import { UNCOMMITTED_BLOCKS_MAX } from '../limits.ts'
import { type BlockDifference, compareBlock } from './compare-block.ts'
import { createOracle } from './oracle.ts'
import { createOracleStore, type OracleAdditions, type OraclePruning } from './oracle-store.ts'

export type VerifiedExecutorOptions = {
  /** Holds the oracle's own state in tables of its own. */
  readonly kv: Kv
  /** How its states are forgotten. */
  readonly pruning?: OraclePruning
  readonly chainId: bigint
  /** Of a finalized block, for BLOCKHASH. */
  readonly blockHash: (height: bigint) => Hex | undefined
  /** After each block that came out the same. */
  readonly onVerified?: (block: Pick<ExecutedBlock, 'transactions'>, durationMs: number) => void
}

/** A stored block, as far as the oracle needs it. */
export type VerifiableBlock = Pick<ExecutedBlock, 'hash' | 'header' | 'transactions' | 'receipts'>

export type VerifiedExecutor = ChainExecutor & {
  /**
   * Brings the oracle's state to the head of a chain that was executed without it, by executing again what it lacks; every block is
   * compared. Returns how many those were.
   */
  readonly catchUp: (options: {
    readonly head: VerifiableBlock
    readonly blockAt: (height: bigint) => VerifiableBlock | undefined
    readonly onProgress?: (height: bigint) => void
  }) => Promise<number>
}

/**
 * Executes every block that `executor` builds or replays a second time with `@ethereumjs/vm`, on a state of its own. A block that
 * comes out differently is never handed out: VERIFICATION_FAILED names block, transaction and field.
 */
export async function createVerifiedExecutor(
  executor: ChainExecutor,
  { kv, chainId, blockHash, onVerified, pruning }: VerifiedExecutorOptions,
): Promise<VerifiedExecutor> {
  const store = createOracleStore(kv, pruning)
  /** Of blocks that may not be stored yet. */
  const recent = new Map<bigint, Hex>()
  const oracle = await createOracle({ chainId, db: store.db, blockHash: (height) => recent.get(height) ?? blockHash(height) })
  const uncommitted = new Map<Hex, OracleAdditions>()
  let working: Promise<unknown> = Promise.resolve()

  /** The oracle has one state: it does one thing at a time. */
  const exclusively = <T>(work: () => Promise<T>): Promise<T> => {
    const next = working.then(work)
    working = next.catch(() => undefined)
    return next
  }

  const verify = (parent: Header, block: VerifiableBlock): Promise<OracleAdditions> =>
    exclusively(async () => {
      const { header, transactions } = block
      const startedMs = performance.now()
      recent.set(header.height - 1n, header.parentHash)
      recent.delete(header.height - BigInt(RECENT_MAX))
      const raw = transactions.map((transaction) => transaction.raw)
      let difference: BlockDifference | undefined
      try {
        difference = compareBlock(block, await oracle.block(parent.stateRoot, environmentOf(header), raw))
      } catch (error) {
        difference = { field: 'validity', ours: 'valid', oracle: error instanceof Error ? error.message : String(error) }
      }
      if (difference !== undefined) {
        store.forget(store.take())
        throw disagreement(block, difference)
      }
      onVerified?.(block, performance.now() - startedMs)
      return store.take()
    })

  const keep = (block: ExecutedBlock, additions: OracleAdditions): ExecutedBlock => {
    uncommitted.set(block.hash, additions)
    const [oldest] = uncommitted
    if (uncommitted.size > UNCOMMITTED_BLOCKS_MAX && oldest !== undefined) {
      store.forget(oldest[1])
      uncommitted.delete(oldest[0])
    }
    return block
  }

  return {
    ...executor,
    genesis: async (options) => {
      const block = await executor.genesis(options)
      const root = await exclusively(() => oracle.genesis(options.allocation))
      if (root !== block.header.stateRoot) {
        throw disagreement(block, { field: 'stateRoot', ours: block.header.stateRoot, oracle: root })
      }
      // Always the same: written at once, so that the oracle can begin with a chain that is older than itself.
      store.write(store.take())
      return block
    },
    build: async (options) => {
      const built = await executor.build(options)
      keep(built.block, await verify(options.parent, built.block))
      return built
    },
    replay: async (options) => {
      const block = await executor.replay(options)
      return keep(block, await verify(options.parent, block))
    },
    commit: (block) => {
      executor.commit(block)
      const additions = uncommitted.get(block.hash)
      uncommitted.delete(block.hash)
      if (additions !== undefined) store.write(additions, block.header.stateRoot)
    },
    catchUp: async ({ head, blockAt, onProgress }) => {
      const missing: bigint[] = []
      let known: VerifiableBlock | undefined = head
      while (known !== undefined && !(await oracle.has(known.header.stateRoot))) {
        missing.push(known.header.height)
        known = blockAt(known.header.height - 1n)
      }
      let parent = known?.header
      for (const height of missing.reverse()) {
        const block = blockAt(height)
        if (block === undefined || parent === undefined) {
          throw new ZerogError('RECORD_CORRUPT', {
            message: `block ${height} is missing, which the oracle has not executed yet: the chain cannot be verified from here`,
            metadata: { table: 'block', key: String(height) },
          })
        }
        store.write(await verify(parent, block), block.header.stateRoot)
        parent = block.header
        onProgress?.(height)
      }
      return missing.length
    },
  }
}

/** Hashes remembered beside the stored ones. */
const RECENT_MAX = 256

function disagreement({ hash, header }: VerifiableBlock, { transaction, field, ours, oracle }: BlockDifference): ZerogError {
  const where = transaction === undefined ? '' : ` of transaction ${transaction.index} (${transaction.hash})`
  return new ZerogError('VERIFICATION_FAILED', {
    message: `block ${header.height} (${hash}): @ethereumjs/vm disagrees about ${field}${where}: here ${short(ours)}, there ${short(oracle)}; the block was not announced`,
    metadata: {
      verifiedWith: 'ethereumjs',
      height: String(header.height),
      blockHash: hash,
      field,
      ...(transaction !== undefined && { transaction: transaction.hash, index: String(transaction.index) }),
    },
  })
}

function short(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`
}
