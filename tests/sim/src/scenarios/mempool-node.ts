import { decodeTransaction, type Executor, type Transaction } from '@zerog/evm'
import type { Kv, KvWrite } from '@zerog/ports'
import { assert, type Hex } from '@zerog/primitives'
import type { NodeEnv } from '@zerog/sim'
import type { ChainBlock } from '../../../../services/chain/src/app/block-store.ts'
import type { Ledger } from '../../../../services/chain/src/app/ledger.ts'
import { openPool, type Pool } from '../../../../services/chain/src/app/pool.ts'
import { costOf, type PoolLimits, type SenderState } from '../../../../services/chain/src/core/mempool.ts'
import { SIM_CHAIN_ID } from './signed-transfer.ts'

export const BASE_FEE = 1_000_000_000n
export const BLOCK_GAS_LIMIT = 60_000_000n
const BLOCK_TRANSACTIONS_MAX = 5

export type PoolNode = {
  readonly pool: Pool
  /** Visible blocks, oldest first. */
  readonly blocks: readonly (readonly Transaction[])[]
  readonly submit: (raw: Uint8Array) => Promise<Hex>
}

/** Mistakes that the scenario must find. */
export type Sabotage =
  | 'flushes_nothing' // a returned hash is in the page cache only
  | 'journals_late' // the journal of a transaction is written after its hash was returned
  | 'guarantees_nothing' // senders have no guaranteed places

type States = ReadonlyMap<Hex, SenderState>

/**
 * The pool with its journal as the validator runs it, above the least chain that it can work with: a block is a list of raw
 * transactions, executing one takes its cost and moves its sender's nonce. Journal and blocks share one Kv and one write.
 */
export function openPoolNode(options: {
  readonly balances: States
  readonly limits: PoolLimits
  /** Least time between two blocks. */
  readonly blockMs: number
  readonly sabotage: Sabotage | undefined
}) {
  return async (env: NodeEnv): Promise<PoolNode> => {
    const kv = sabotaged(await env.kv('chain'), { env, sabotage: options.sabotage })
    const chain = openToyChain(kv, options.balances)
    const executor = {
      // A state read takes a moment, so blocks come between a submission's reading and its adding.
      account: async (root: Hex, address: Hex) => {
        if (env.random.below(4) === 0) await env.clock.sleep(env.random.below(10))
        return { codeHash: NO_CODE, storageRoot: NO_CODE, nonce: 0n, balance: 0n, ...chain.stateAt(root).get(address) }
      },
      code: async (): Promise<Hex> => '0x',
    } as Pick<Executor, 'account' | 'code'> as Executor
    const rules = { blockGasLimit: BLOCK_GAS_LIMIT, tipMin: 0n }
    const limits = options.sabotage === 'guarantees_nothing' ? { ...options.limits, senderGuarantee: 0 } : options.limits
    const deps = { kv, executor, ledger: { head: chain.head } as Ledger, logger: env.logger }
    const pool = await openPool({ chainId: SIM_CHAIN_ID, rules, limits }, deps)
    seal({ env, pool, chain, kv, blockMs: options.blockMs }).catch(env.fatal)
    return { pool, blocks: chain.blocks, submit: async (raw) => pool.submit(decodeTransaction(raw, { chainId: SIM_CHAIN_ID })) }
  }
}

/** As the producer does it: candidates, execution, journal and block in one write, flush, then visible. */
async function seal(deps: { env: NodeEnv; pool: Pool; chain: ToyChain; kv: Kv; blockMs: number }): Promise<void> {
  const { env, pool, chain, kv, blockMs } = deps
  for (;;) {
    await env.clock.sleep(blockMs + env.random.below(60))
    if (!pool.executable(BASE_FEE)) continue
    const included: Transaction[] = []
    const hopeless: Transaction[] = []
    const states = new Map(chain.stateAt(chain.head().header.stateRoot))
    for (const transaction of pool.candidates(BASE_FEE)) {
      if (included.length === BLOCK_TRANSACTIONS_MAX) break
      const outcome = execute(states, transaction)
      if (outcome === 'included') included.push(transaction)
      if (outcome === 'hopeless') hopeless.push(transaction)
    }
    const next = chain.prepare(included, states)
    const hashes = (list: readonly Transaction[]) => list.map(({ hash }) => hash)
    const touched = new Set([...included, ...hopeless].map(({ from }) => from))
    const change = await pool.prepare(next.header, touched, hashes(hopeless), hashes(included))
    kv.write([...change.writes, ...next.writes])
    await kv.flush()
    change.apply()
    next.show()
  }
}

function execute(states: Map<Hex, SenderState>, transaction: Transaction): 'included' | 'hopeless' | 'later' {
  const state = states.get(transaction.from) ?? { nonce: 0n, balance: 0n }
  assert(transaction.nonce >= state.nonce, `a candidate has nonce ${transaction.nonce}, its sender is at ${state.nonce}`)
  if (transaction.nonce > state.nonce) return 'later'
  if (costOf(transaction) > state.balance) return 'hopeless'
  states.set(transaction.from, { nonce: state.nonce + 1n, balance: state.balance - costOf(transaction) })
  return 'included'
}

type ToyChain = ReturnType<typeof openToyChain>

function openToyChain(kv: Kv, genesis: States) {
  const blocks: (readonly Transaction[])[] = []
  const states: States[] = [genesis]
  let head = 0

  const rootOf = (height: number): Hex => `0x${height.toString(16).padStart(64, '0')}`
  const headerOf = (height: number) => ({ height: BigInt(height), stateRoot: rootOf(height) }) as ChainBlock['header']
  for (const [height, transactions] of readBlocks(kv)) {
    const after = new Map(states.at(-1))
    assert(height === states.length, `block ${states.length} is missing, ${height} is there`)
    for (const transaction of transactions) assert(execute(after, transaction) === 'included', 'a stored block executes')
    blocks.push(transactions)
    states.push(after)
    head = height
  }
  let headBlock = { header: headerOf(head) } as ChainBlock

  return {
    blocks,
    head: () => headBlock,
    stateAt: (root: Hex): States => states[Number(root)] ?? genesis,
    prepare: (transactions: readonly Transaction[], after: States) => {
      const height = head + 1
      // Readable by its root before it is the head, as the executor's built blocks are.
      states[height] = after
      const writes: KvWrite[] = transactions.map(({ raw }, index) => ({
        table: 'toy',
        key: Uint8Array.of(height >> 8, height, index),
        value: raw,
      }))
      return {
        header: headerOf(height),
        writes,
        show: () => {
          if (transactions.length === 0) return
          head = height
          headBlock = { header: headerOf(height) } as ChainBlock
          blocks.push(transactions)
        },
      }
    },
  }
}

function readBlocks(kv: Kv): Map<number, Transaction[]> {
  const blocks = new Map<number, Transaction[]>()
  for (const [key, raw] of kv.range('toy')) {
    const height = ((key[0] as number) << 8) | (key[1] as number)
    const transaction = decodeTransaction(raw, { chainId: SIM_CHAIN_ID })
    blocks.set(height, [...(blocks.get(height) ?? []), transaction])
  }
  return blocks
}

const NO_CODE: Hex = '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'

function sabotaged(kv: Kv, { env, sabotage }: { readonly env: NodeEnv; readonly sabotage: Sabotage | undefined }): Kv {
  if (sabotage === 'flushes_nothing') return { ...kv, flush: async () => {} }
  if (sabotage !== 'journals_late') return kv
  return { ...kv, write: (writes) => void env.clock.after(50, () => kv.write(writes)) }
}
