import type { Kv } from '@zerog/ports'
import { assert, fromHex, type Hex, toHex } from '@zerog/primitives'
import { type Produced, produceBlock, produceGenesis, reproduceBlock } from './blocks.ts'
import { createCalls, type WithEngine } from './calls.ts'
import { headerHash } from './codec/block.ts'
import { createEngine } from './engine/create-engine.ts'
import type { Engine, EngineName } from './engine/engine.ts'
import { applyStateOverrides } from './engine/requests.ts'
import type { Executor, StateOverrides } from './executor.ts'
import { type BaseFeePolicy, DEVNET_BASE_FEE, validateHeader } from './header-rules.ts'
import { ENGINES_POOLED_MAX, UNCOMMITTED_BLOCKS_MAX } from './limits.ts'
import { createReads } from './reads.ts'
import { createNodeStore, type StateAdditions } from './state/node-store.ts'

export type ExecutorOptions = {
  /** Whose interpreter runs the code. */
  readonly engine?: EngineName
  /** Holds trie nodes and codes in the tables `trie` and `code`, addressed by their hashes. */
  readonly kv: Kv
  readonly chainId: bigint
  /** Checked when a block of somebody else is replayed. Default: the devnet's constant 1 gwei. */
  readonly baseFee?: BaseFeePolicy
  /** Gas that a call may use at most. Default: the block's gas limit. */
  readonly callGasMax?: bigint
  /** Development only: accounts with code may send transactions (EIP-3607 off), so that contracts can be impersonated. */
  readonly contractSenders?: boolean
}

export type ChainExecutor = Executor & {
  /** Development only: commits a state that differs from `stateRoot` by the overrides; returns its root. */
  readonly editState: (stateRoot: Hex, stateOverrides: StateOverrides) => Promise<Hex>
}

/** Execution on our own state, trie and state transition, with the interpreter that `engine` names. */
export function createExecutor(options: ExecutorOptions): ChainExecutor {
  const { engine = 'zerog', kv, chainId, baseFee = DEVNET_BASE_FEE, callGasMax, contractSenders = false } = options
  const store = createNodeStore(kv)
  const newEngine = (): Engine => createEngine(engine, { fork: 'prague', chainId, store })
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
  const withEngine: WithEngine = async (work) => {
    const engine = idle.pop() ?? newEngine()
    const result = await work(engine)
    // Reached only without an exception: the interpreter's journal is clean.
    if (idle.length < ENGINES_POOLED_MAX) idle.push(engine)
    return result
  }

  return {
    genesis: async ({ allocation, environment }) =>
      (await exclusively((engine) => produceGenesis(engine, allocation, environment))).block,
    build: async (request) => {
      const { block, refusals } = await exclusively((engine) => produceBlock(engine, { ...request, chainId, contractSenders }))
      return { block, refusals }
    },
    replay: async ({ parent, encoded }) => {
      const check = (header: Parameters<typeof validateHeader>[0]): void =>
        validateHeader(header, { ...parent, hash: headerHash(parent) }, baseFee)
      return (await exclusively((engine) => reproduceBlock(engine, { parent, encoded, chainId, check }))).block
    },
    commit: (block) => {
      const additions = uncommitted.get(block.hash)
      assert(additions !== undefined, `block ${block.hash} was not built here or was committed before`)
      kv.write(store.writes(additions))
      uncommitted.delete(block.hash)
      store.forget(additions)
    },
    editState: (stateRoot, stateOverrides) =>
      withEngine(async ({ state }) => {
        state.open(fromHex(stateRoot, 32))
        applyStateOverrides(state, { stateOverrides })
        const { root, additions } = state.seal()
        kv.write(store.writes(additions))
        return toHex(root)
      }),
    ...createCalls({ withEngine, chainId, callGasMax, contractSenders }),
    ...createReads(store),
  }
}
