import { assert, fromHex, type Hex } from '@zerog/primitives'
import type { BlockEnvironment } from '../executor.ts'
import { createCodeCache } from '../interpreter/code.ts'
import { Machine } from '../interpreter/machine.ts'
import { precompilesOf } from '../interpreter/precompiles/standard.ts'
import { rulesOf } from '../interpreter/rules.ts'
import { TURN_MS } from '../limits.ts'
import { createWorldState, stateKey } from '../state/world-state.ts'
import { historicHash } from './block-hash.ts'
import type { Engine, EngineMessage, EngineOptions, Ran } from './engine.ts'
import { keyOf } from './keys.ts'

/** Analyses are the same for every engine of the process. */
const codes = createCodeCache()

/** Our own interpreter: synchronous, with a pause for the event loop where a run takes long. */
export function createZerogEngine({ fork, chainId, store, precompiles: custom, blockHash }: EngineOptions): Engine {
  const state = createWorldState(store)
  const rules = rulesOf(fork)
  const precompiles = precompilesOf(rules, custom)
  const machine = new Machine({ state, rules, precompiles, codes })
  let environment: BlockEnvironment | undefined
  let abort: AbortSignal | undefined
  let turnStartedMs = performance.now()

  const turn = async (): Promise<void> => {
    if (performance.now() - turnStartedMs <= TURN_MS) return
    await new Promise<void>((resolve) => setImmediate(resolve))
    turnStartedMs = performance.now()
    abort?.throwIfAborted()
  }

  /** Sets what code sees and what is warm before the first opcode (EIP-2929, 2930, 3651). */
  const prepare = (message: EngineMessage, block: BlockEnvironment): void => {
    const origin = keyOf(message.from)
    const beneficiary = keyOf(block.beneficiary)
    machine.environment = {
      origin,
      gasPrice: message.gasPrice,
      chainId,
      height: block.height,
      timestampSeconds: block.timestampSeconds,
      gasLimit: block.gasLimit,
      baseFeePerGas: message.baseFeePerGas,
      beneficiary,
      prevRandao: fromHex(block.prevRandao, 32),
      blockHash: blockHash ?? ((height) => historicHash(state, block, height)),
      blobBaseFee: block.blobBaseFee ?? 1n,
      blobHashes: message.blobHashes ?? NO_HASHES,
    }
    const { substate } = machine
    substate.reset(message.reportsAccesses)
    substate.preload(origin)
    substate.preload(beneficiary)
    if (message.to !== null) substate.preload(keyOf(message.to))
    for (const authority of message.authorities) substate.preload(keyOf(authority))
    for (const { address, storageKeys } of message.accessList) {
      substate.preloadListed(keyOf(address), storageKeys.map(stateKey))
    }
  }

  const start = (message: EngineMessage): void => {
    const common = { caller: keyOf(message.from), value: message.value, gas: gasNumber(message.gas) }
    if (message.to === null) machine.startCreation({ ...common, code: message.data })
    else machine.startCall({ ...common, address: keyOf(message.to), input: message.data })
  }

  const run = async (message: EngineMessage): Promise<Ran> => {
    assert(environment !== undefined, 'a state was opened')
    await turn()
    if (message.to !== null && machine.awaits(keyOf(message.to))) await machine.loading
    prepare(message, environment)
    start(message)
    while (!machine.run(turnStartedMs + TURN_MS)) {
      if (machine.loading === undefined) await turn()
      else await machine.loading
    }
    const { outcome, substate } = machine
    assert(outcome !== undefined, 'a message that ran has an outcome')
    machine.sweep()
    const { logs, refund, destroyed } = substate
    return {
      gasUsed: BigInt(gasNumber(message.gas) - outcome.gasLeft),
      refund: BigInt(refund),
      output: outcome.output,
      error: outcome.fault,
      logs,
      destroyed: [...destroyed],
      accesses: substate.accesses(),
    }
  }

  return {
    name: 'zerog',
    rules,
    state,
    open: (stateRoot, next, signal) => {
      state.open(stateRoot)
      environment = next
      abort = signal
    },
    turn,
    isPrecompile: (address: Hex) => precompiles.has(keyOf(address)),
    run,
    listen: (hooks) => {
      machine.hooks = hooks
      return () => {
        machine.hooks = undefined
      }
    },
  }
}

const NO_HASHES: readonly Hex[] = []

/** Gas is counted in doubles. A call that names more than 2^53 gas gets 2^53: nothing runs that long. */
function gasNumber(gas: bigint): number {
  return Math.min(Number(gas), Number.MAX_SAFE_INTEGER)
}
