import type { Kv } from '@zerog/ports'
import { assert, fromHex, type Hex, toHex } from '@zerog/primitives'
import { type Produced, produceBlock, produceGenesis, reproduceBlock } from './blocks.ts'
import { createCalls, type WithEngine } from './calls.ts'
import { blockTransactionBytes, headerHash } from './codec/block.ts'
import type { SenderRecovery } from './codec/recovery.ts'
import type { Engine, EngineFactory } from './engine/engine.ts'
import { applyStateOverrides } from './engine/requests.ts'
import { createZerogEngine } from './engine/zerog-engine.ts'
import type { Executor, StateOverrides } from './executor.ts'
import { type BaseFeePolicy, DEVNET_BASE_FEE, validateHeader } from './header-rules.ts'
import type { Precompile } from './interpreter/precompiles/precompile.ts'
import { ENGINES_POOLED_MAX, UNCOMMITTED_BLOCKS_MAX } from './limits.ts'
import { createReads } from './reads.ts'
import { createHistory, type History } from './state/history.ts'
import { createNodeStore, type StateAdditions } from './state/node-store.ts'
import { stateKey } from './state/world-state.ts'

export type ExecutorOptions = {
  /** Whose interpreter runs the code. Default: our own; others by `loadEngine`. */
  readonly engine?: EngineFactory
  /** Holds trie nodes and codes in the tables `trie` and `code`, addressed by their hashes. */
  readonly kv: Kv
  readonly chainId: bigint
  /** Checked when a block of somebody else is replayed. Default: the devnet's constant 1 gwei. */
  readonly baseFee?: BaseFeePolicy
  /** Gas that a call may use at most. Default: the block's gas limit. */
  readonly callGasMax?: bigint
  /** Development only: accounts with code may send transactions (EIP-3607 off), so that contracts can be impersonated. */
  readonly contractSenders?: boolean
  /** Contracts that are code of the installation, by address, beside the standard ones. The engine `ethereumjs` does not know them. */
  readonly precompiles?: Readonly<Record<Hex, Precompile>>
  /** How many blocks back states are kept. Default: all. */
  readonly history?: History
  /** Recovers the senders of replayed blocks. Default: one by one, on this thread. */
  readonly recovery?: SenderRecovery
}

export type ChainExecutor = Executor & {
  /** Development only: commits a state that differs from `stateRoot` by the overrides; returns its root. */
  readonly editState: (at: EditedState, stateOverrides: StateOverrides) => Promise<Hex>
  /** Lowest height whose state is kept. */
  readonly historyFirst: () => bigint
}

/** A root, and the height of the block that it is the state of. */
export type EditedState = { readonly stateRoot: Hex; readonly height: bigint }

/** Execution on our own state, trie and state transition, with the interpreter that `engine` names. */
export function createExecutor(options: ExecutorOptions): ChainExecutor {
  const {
    engine = createZerogEngine,
    history = 'archive',
    recovery,
    kv,
    chainId,
    baseFee = DEVNET_BASE_FEE,
    callGasMax,
    contractSenders = false,
    precompiles = {},
  } = options
  const store = createNodeStore(kv)
  const states = createHistory(kv, history)
  /** Root of the last committed block: no window is so short that it is forgotten. */
  let committedRoot: Hex | undefined
  const present = (stateRoot: Hex): void => {
    if (stateRoot === committedRoot) return
    const root = fromHex(stateRoot, 32)
    // What is missing without having been forgotten is found out by reading it.
    if (!store.has(root) && states.forgot(root)) throw states.gone(stateRoot)
  }
  const own = new Map(Object.entries(precompiles).map(([address, precompile]) => [stateKey(address), precompile]))
  const newEngine = (): Engine => engine({ fork: 'prague', chainId, store, precompiles: own })
  const uncommitted = new Map<Hex, StateAdditions>()
  let builder = newEngine()
  let building: Promise<unknown> = Promise.resolve()

  /** One block at a time; an engine that was interrupted in the middle is not used again. */
  const exclusively = <T extends Produced>(work: (engine: Engine) => Promise<T> | T): Promise<T> => {
    const next = building.then(async () => {
      try {
        const produced = await work(builder)
        keep(produced)
        return produced
      } catch (error) {
        builder = newEngine()
        throw error
      }
    })
    building = next.catch(() => undefined)
    return next
  }

  const keep = ({ block, additions }: Produced): void => {
    store.announce(additions)
    uncommitted.set(block.hash, additions)
    const [oldest] = uncommitted
    if (uncommitted.size <= UNCOMMITTED_BLOCKS_MAX || oldest === undefined) return
    store.forget(oldest[1])
    uncommitted.delete(oldest[0])
  }

  const idle: Engine[] = []
  const withEngine: WithEngine = async (stateRoot, work) => {
    present(stateRoot)
    const release = states.hold()
    try {
      const engine = idle.pop() ?? newEngine()
      const result = await work(engine)
      // Reached only without an exception: the interpreter's journal is clean.
      if (idle.length < ENGINES_POOLED_MAX) idle.push(engine)
      return result
    } finally {
      release()
    }
  }

  return {
    genesis: async ({ allocation, environment }) =>
      (await exclusively((engine) => produceGenesis(engine, allocation, environment))).block,
    build: async (request) => {
      const { block, refusals } = await exclusively((engine) => produceBlock(engine, { ...request, chainId, contractSenders }))
      return { block, refusals }
    },
    replay: async ({ parent, encoded, ...known }) => {
      const senders = known.senders ?? (await recovery?.senders(transactionBytes(encoded)))
      const check = (header: Parameters<typeof validateHeader>[0]): void =>
        validateHeader(header, { ...parent, hash: headerHash(parent) }, baseFee)
      return (await exclusively((engine) => reproduceBlock(engine, { parent, encoded, chainId, senders, check }))).block
    },
    commit: (block) => {
      const additions = uncommitted.get(block.hash)
      assert(additions !== undefined, `block ${block.hash} was not built here or was committed before`)
      const { height, stateRoot } = block.header
      kv.write([...states.writes(additions, height, fromHex(stateRoot)), ...store.writes(additions, height)])
      uncommitted.delete(block.hash)
      store.forget(additions)
      committedRoot = stateRoot
    },
    editState: ({ stateRoot, height }, stateOverrides) =>
      withEngine(stateRoot, async ({ state }) => {
        state.open(fromHex(stateRoot, 32))
        applyStateOverrides(state, { stateOverrides })
        const { root, additions } = state.seal()
        kv.write(store.writes(additions, height))
        return toHex(root)
      }),
    ...createCalls({ withEngine, chainId, callGasMax, contractSenders }),
    historyFirst: states.first,
    ...createReads(store, present),
  }
}

/** Of a block that does not decode there are none; who executes it says why. */
function transactionBytes(encoded: Uint8Array): Uint8Array[] {
  try {
    return blockTransactionBytes(encoded)
  } catch {
    return []
  }
}
