import type { CallOptions, CallOutcome, CallRequest } from '@zerog/evm'
import type { ChainBackend } from '../../app/chain-backend.ts'
import { serverError } from './errors.ts'
import { ZERO_ADDRESS } from './format/hex.ts'
import { estimateRefusal, isRefusal } from './refusal.ts'
import { callFailure } from './revert.ts'
import type { StateAt } from './state-at.ts'

const TRANSFER_GAS = 21_000n
/** What CALL with value hands to the callee on top; a frame may use it, so the estimate must allow it. */
const CALL_STIPEND = 2_300n
/** The search ends when the answer is known this well: geth's 1.5 %. */
const ERROR_PERMILLE = 15n

/**
 * The least gas limit (within 1.5 %) with which the call succeeds: geth's binary search. It starts from what the call used
 * without refunds, plus the stipend, times 64/63 for the share that EIP-150 keeps back from a callee. Throws the call's own
 * error, with revert data, when it fails even with everything it may have.
 */
export async function estimateGas(
  backend: ChainBackend,
  at: StateAt,
  request: CallRequest,
  options: CallOptions & { readonly gasMax: bigint },
): Promise<bigint> {
  const { gasMax, ...callOptions } = options
  const execute = (gas: bigint): Promise<CallOutcome> => tryWith(backend, at, { ...request, gas }, callOptions)

  let high = await ceiling(backend, at, request, {
    gasMax,
    blockGas: options.blockOverrides?.gasLimit ?? at.environment.gasLimit,
    callOptions,
  })
  if (await isPlainTransfer(backend, at, request, callOptions)) {
    if (high >= TRANSFER_GAS && (await execute(TRANSFER_GAS)).error === undefined) return TRANSFER_GAS
  }
  const first = await execute(high)
  if (first.error !== undefined) {
    if (!isShortOfGas(first.error)) throw callFailure({ ...first, error: first.error })
    throw serverError(`gas required exceeds allowance (${high})`)
  }
  let low = (first.gasUsed > TRANSFER_GAS ? first.gasUsed : TRANSFER_GAS) - 1n
  const succeeds = async (gas: bigint): Promise<boolean> => {
    options.signal?.throwIfAborted()
    return (await execute(gas)).error === undefined
  }
  const guess = ((first.gasSpent + CALL_STIPEND) * 64n) / 63n
  if (guess < high) {
    if (await succeeds(guess)) high = guess
    else low = guess
  }
  while (low + 1n < high && (high - low) * 1_000n >= high * ERROR_PERMILLE) {
    // Most calls need little more than they used: do not start in the middle of the block's gas.
    const middle = (high + low) / 2n > low * 2n ? low * 2n : (high + low) / 2n
    if (await succeeds(middle)) high = middle
    else low = middle
  }
  return high
}

/** One execution. Too little gas to start counts as running out of it; any other refusal is final. */
async function tryWith(
  backend: ChainBackend,
  at: StateAt,
  request: CallRequest & { readonly gas: bigint },
  options: CallOptions,
): Promise<CallOutcome> {
  try {
    return await backend.executor.call(at.stateRoot, at.environment, request, options)
  } catch (error) {
    if (!isRefusal(error)) throw error
    if (!/^(intrinsic gas too low|insufficient gas for floor data gas cost)/.test(error.message)) {
      throw estimateRefusal(error, request.gas)
    }
    return { gasUsed: 0n, gasSpent: 0n, output: '0x', error: 'out of gas', logs: [] }
  }
}

type Bounds = { readonly gasMax: bigint; readonly blockGas: bigint; readonly callOptions: CallOptions }

/** The most gas that the call may have: its own limit or the block's, what the sender can pay, and our cap. */
async function ceiling(backend: ChainBackend, at: StateAt, request: CallRequest, bounds: Bounds): Promise<bigint> {
  const { gas } = request
  let high = gas !== undefined && gas >= TRANSFER_GAS ? gas : bounds.blockGas
  const feeCap = request.gasPrice ?? request.maxFeePerGas ?? 0n
  if (feeCap > 0n) {
    const from = request.from ?? ZERO_ADDRESS
    const balance =
      bounds.callOptions.stateOverrides?.[from]?.balance ?? (await backend.executor.account(at.stateRoot, from))?.balance ?? 0n
    const value = request.value ?? 0n
    if (value > 0n && value >= balance) throw serverError('insufficient funds for transfer')
    const allowance = (balance - value) / feeCap
    if (high > allowance) high = allowance
  }
  return high > bounds.gasMax ? bounds.gasMax : high
}

async function isPlainTransfer(backend: ChainBackend, at: StateAt, request: CallRequest, options: CallOptions): Promise<boolean> {
  const { to, data, authorizationList } = request
  if (to === undefined || to === null || (data ?? '0x') !== '0x' || (authorizationList ?? []).length > 0) return false
  const code = options.stateOverrides?.[to]?.code ?? (await backend.executor.code(at.stateRoot, to))
  return code === '0x'
}

/** Failures that more gas could cure. */
function isShortOfGas(error: string): boolean {
  return error.includes('out of gas')
}
