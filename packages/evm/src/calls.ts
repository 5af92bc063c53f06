import { fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'
import { startBlock } from './blocks.ts'
import type { Engine } from './engine/engine.ts'
import { applyStateOverrides, callRequest, overriddenEnvironment, transactionRequest } from './engine/requests.ts'
import { type Applied, applyMessage, type MessageRequest, type Rejected, type TransitionMode } from './engine/transition.ts'
import type {
  AccessListItem,
  BlockEnvironment,
  CallOptions,
  CallOutcome,
  CallRequest,
  Executor,
  TracerConfig,
} from './executor.ts'
import { stateKey } from './state/world-state.ts'
import { createTracer } from './tracers/tracer.ts'

/** Runs `work` with an engine of its own, while the state with this root is kept; throws NOT_FOUND where it no longer is. */
export type WithEngine = <T>(stateRoot: Hex, work: (engine: Engine) => Promise<T>) => Promise<T>

export type CallsDeps = {
  readonly withEngine: WithEngine
  readonly chainId: bigint
  readonly callGasMax: bigint | undefined
  readonly contractSenders: boolean
}

type Calls = Pick<Executor, 'call' | 'accessList' | 'trace' | 'traceCall'>

/** Everything that executes and leaves nothing behind. */
export function createCalls({ withEngine, chainId, callGasMax, contractSenders }: CallsDeps): Calls {
  const replayMode: TransitionMode = { kind: 'transaction', traced: false, contractSenders }
  const traceMode: TransitionMode = { kind: 'transaction', traced: true, contractSenders }
  const prepare = (
    engine: Engine,
    at: { stateRoot: Hex; environment: BlockEnvironment },
    request: CallRequest,
    options: CallOptions,
  ) => {
    const environment = overriddenEnvironment(at.environment, options)
    engine.open(fromHex(at.stateRoot, 32), environment, options.signal)
    applyStateOverrides(engine.state, options)
    const nonce = engine.state.account(stateKey(request.from ?? NOBODY))?.nonce ?? 0n
    const message = callRequest(request, { gas: callGasMax ?? environment.gasLimit, nonce, chainId })
    return { environment, message }
  }

  return {
    call: (stateRoot, environment, request, options = {}) =>
      withEngine(stateRoot, async (engine): Promise<CallOutcome> => {
        const ready = prepare(engine, { stateRoot, environment }, request, options)
        const applied = accepted(await applyMessage(engine, ready.message, ready.environment, CALL_MODE), ready.message)
        return {
          gasUsed: applied.gasUsed,
          gasSpent: applied.gasSpent,
          output: toHex(applied.output),
          error: applied.error,
          logs: applied.logs,
        }
      }),

    accessList: (stateRoot, environment, request, options = {}) =>
      withEngine(stateRoot, async (engine) => {
        let known: readonly AccessListItem[] = request.accessList ?? []
        for (let round = 0; ; round++) {
          const ready = prepare(engine, { stateRoot, environment }, { ...request, accessList: known }, options)
          let seen: AccessListItem[] = []
          const mode: TransitionMode = { ...CALL_MODE, onAccessList: (accesses) => (seen = accesses) }
          const applied = accepted(await applyMessage(engine, ready.message, ready.environment, mode), ready.message)
          const stable = entryCount(seen) === entryCount(known)
          if (stable || round === ACCESS_LIST_ROUNDS_MAX) {
            return { accessList: seen, gasUsed: applied.gasUsed, ...(applied.error !== undefined && { error: applied.error }) }
          }
          known = seen
        }
      }),

    trace: ({ stateRoot, environment, transactions, only, config, signal }) =>
      withEngine(stateRoot, async (engine) => {
        engine.open(fromHex(stateRoot, 32), environment, signal)
        if (environment.height > 0n) await startBlock(engine, environment)
        const results: { txHash: Hex; result: unknown }[] = []
        let logIndex = 0
        for (const [index, transaction] of transactions.entries()) {
          const message = transactionRequest(transaction, chainId)
          if (only !== undefined && only !== index) {
            if (index > only) break
            const applied = accepted(await applyMessage(engine, message, environment, replayMode), message)
            logIndex += applied.logs.length
            continue
          }
          const run = { message, environment, mode: traceMode, logIndex }
          const { result, applied } = await traced(engine, run, config)
          logIndex += applied.logs.length
          results.push({ txHash: transaction.hash, result })
        }
        return results
      }),

    traceCall: (stateRoot, environment, request, config, options = {}) =>
      withEngine(stateRoot, async (engine) => {
        const ready = prepare(engine, { stateRoot, environment }, request, options)
        const run = { ...ready, mode: TRACED_CALL_MODE, logIndex: 0 }
        return (await traced(engine, run, config)).result
      }),
  }
}

const NOBODY: Hex = '0x0000000000000000000000000000000000000000'
/** Each round only adds entries; geth has no bound here. */
const ACCESS_LIST_ROUNDS_MAX = 20
const CALL_MODE: TransitionMode = { kind: 'call', traced: false }
const TRACED_CALL_MODE: TransitionMode = { kind: 'call', traced: true }

function entryCount(list: readonly AccessListItem[]): number {
  return list.reduce((count, { storageKeys }) => count + 1 + storageKeys.length, 0)
}

/** A message that geth would not even start is an error of the caller, with geth's text. */
function accepted(outcome: Applied | Rejected, message: MessageRequest): Applied {
  if (!('rejected' in outcome)) return outcome
  throw new ZerogError('TRANSACTION_REFUSED', {
    message: outcome.message,
    metadata: { cause: outcome.rejected, gas: String(message.gasLimit) },
  })
}

type Run = {
  readonly message: MessageRequest
  readonly environment: BlockEnvironment
  readonly mode: TransitionMode
  readonly logIndex: number
}

async function traced(engine: Engine, run: Run, config: TracerConfig): Promise<{ result: unknown; applied: Applied }> {
  const tracer = createTracer(engine, run, config)
  try {
    const applied = accepted(await applyMessage(engine, run.message, run.environment, run.mode), run.message)
    return { result: tracer.result(applied), applied }
  } finally {
    tracer.detach()
  }
}
