import { blockNumberOrHash, LATEST } from '../codecs/block.ts'
import { blockOverrides, stateOverrides, type TransactionRequest, transactionRequest } from '../codecs/call.ts'
import { serverError } from '../errors.ts'
import { estimateGas } from '../estimate-gas.ts'
import { quantity } from '../format/hex.ts'
import { formatAccessList } from '../format/transaction.ts'
import { type Method, type MethodContext, method, optional, required } from '../method.ts'
import { orRefusal } from '../refusal.ts'
import { callFailure } from '../revert.ts'
import { stateAt } from '../state-at.ts'

const params = [
  required(transactionRequest),
  optional(blockNumberOrHash, LATEST),
  optional(stateOverrides),
  optional(blockOverrides),
] as const

/** Calls that change nothing. */
export const ethCallMethods: Readonly<Record<string, Method>> = {
  eth_call: method(params, async (context, request, ref, state, block) => {
    const at = stateAt(context.backend, ref)
    const limited = capped(context, request)
    const options = callOptions(context, state, block)
    const outcome = await orRefusal(context.backend.executor.call(at.stateRoot, at.environment, limited, options), limited.gas)
    if (outcome.error !== undefined) throw callFailure({ ...outcome, error: outcome.error })
    return outcome.output
  }),
  eth_estimateGas: method(params, async (context, request, ref, state, block) => {
    checkChain(context, request)
    const options = { ...callOptions(context, state, block), gasMax: context.limits.callGasMax }
    return quantity(await estimateGas(context.backend, stateAt(context.backend, ref), request, options))
  }),
  eth_createAccessList: method([params[0], params[1], params[2]], async (context, request, ref, state) => {
    const at = stateAt(context.backend, ref)
    const limited = capped(context, request)
    const options = callOptions(context, state, undefined)
    const { accessList, gasUsed, error } = await orRefusal(
      context.backend.executor.accessList(at.stateRoot, at.environment, limited, options),
      limited.gas,
    )
    return {
      accessList: formatAccessList(accessList),
      ...(error === undefined ? {} : { error }),
      gasUsed: quantity(gasUsed),
    }
  }),
}

/** The request with a gas limit: the caller's, but not above ours. */
export function capped(context: MethodContext, request: TransactionRequest): TransactionRequest & { readonly gas: bigint } {
  checkChain(context, request)
  const { callGasMax } = context.limits
  const gas = request.gas === undefined || request.gas === 0n || request.gas > callGasMax ? callGasMax : request.gas
  return { ...request, gas }
}

function checkChain({ backend }: MethodContext, { chainId }: TransactionRequest): void {
  if (chainId !== undefined && chainId !== backend.chainId) {
    throw serverError(`chainId does not match node's (have=${chainId}, want=${backend.chainId})`)
  }
}

type Overrides = {
  readonly state: Exclude<ReturnType<typeof stateOverrides>, undefined> | undefined
  readonly block: Exclude<ReturnType<typeof blockOverrides>, undefined> | undefined
}

export function callOptions(context: MethodContext, state: Overrides['state'], block: Overrides['block']) {
  return {
    ...(state === undefined ? {} : { stateOverrides: state }),
    ...(block === undefined ? {} : { blockOverrides: block }),
    signal: context.signal,
  }
}
