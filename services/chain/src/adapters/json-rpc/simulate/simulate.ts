import type { BlockEnvironment, CallFrame, CallOptions, Log, StateOverrides } from '@zerog/evm'
import type { Hex, ZerogError } from '@zerog/primitives'
import type { StoredBlock } from '../../../app/chain-backend.ts'
import type { TransactionRequest } from '../codecs/call.ts'
import { CODE, JsonRpcError } from '../errors.ts'
import { formatBlock } from '../format/block.ts'
import { checksumAddress, quantity, ZERO_ADDRESS, ZERO_HASH } from '../format/hex.ts'
import { formatLog } from '../format/receipt.ts'
import type { MethodContext } from '../method.ts'
import { isRefusal, refusalText } from '../refusal.ts'
import { isRevert, revertText } from '../revert.ts'
import { mergeOverrides, overridesOf, type StateDiff } from './overlay.ts'
import { planBlocks, SIMULATE_CODE, type SimulatedBlockRequest, type SimulateRequest } from './request.ts'
import { type CallResult, type FilledCall, sealBlock, toTransaction } from './seal.ts'
import { logsWithTransfers } from './transfers.ts'

/** State between two simulated calls: the real one, and everything that changed since, as overrides. */
type World = { readonly stateRoot: Hex; overrides: StateOverrides; gasLeft: bigint }

/**
 * `eth_simulateV1`: blocks of calls on top of `base`, each seeing what the ones before it changed. What a call changed is
 * taken from a trace of it and laid over the state of the next, so nothing is written anywhere. State roots of simulated
 * blocks are not computed: they are zero (ADR-0042).
 */
export async function simulate(context: MethodContext, base: StoredBlock, request: SimulateRequest): Promise<readonly unknown[]> {
  const { limits } = context
  const blocks = planBlocks(request.blocks, {
    base: { height: base.header.height, timestampSeconds: base.header.timestampSeconds },
    blocksMax: limits.simulateBlocksMax,
    callsMax: limits.simulateCallsMax,
  })
  const world: World = { stateRoot: base.header.stateRoot, overrides: {}, gasLeft: limits.callGasMax }
  const results: unknown[] = []
  let parent = base
  for (const planned of blocks) {
    context.signal.throwIfAborted()
    const environment = environmentOf(context, parent, planned, request)
    const { block, calls } = await simulateBlock(context, { world, environment, planned, request, parent })
    const formatted = formatBlock(block, request.returnFullTransactions)
    results.push({ ...formatted, calls: calls.map((call, index) => formatCall(call, { block, calls, index })) })
    parent = block
  }
  return results
}

type Planned = SimulatedBlockRequest & { readonly height: bigint; readonly timestampSeconds: bigint }

function environmentOf(
  context: MethodContext,
  parent: StoredBlock,
  planned: Planned,
  request: SimulateRequest,
): BlockEnvironment {
  const { blockOverrides } = planned
  return {
    height: planned.height,
    parentHash: parent.hash,
    timestampSeconds: planned.timestampSeconds,
    gasLimit: blockOverrides.gasLimit ?? parent.header.gasLimit,
    // Without validation gas is free unless the caller says otherwise.
    baseFeePerGas: blockOverrides.baseFeePerGas ?? (request.validation ? context.backend.nextBaseFee(parent) : 0n),
    beneficiary: blockOverrides.beneficiary ?? parent.header.beneficiary,
    prevRandao: blockOverrides.prevRandao ?? ZERO_HASH,
    extraData: '0x',
  }
}

type BlockJob = {
  readonly world: World
  readonly environment: BlockEnvironment
  readonly planned: Planned
  readonly request: SimulateRequest
  readonly parent: StoredBlock
}

async function simulateBlock(
  context: MethodContext,
  job: BlockJob,
): Promise<{ readonly block: StoredBlock; readonly calls: readonly CallResult[] }> {
  const { world, environment, planned } = job
  world.overrides = mergeOverrides(world.overrides, planned.stateOverrides)
  const calls: CallResult[] = []
  let gasUsed = 0n
  for (const call of planned.calls) {
    context.signal.throwIfAborted()
    const result = await simulateCall(context, job, { call, blockGasLeft: environment.gasLimit - gasUsed })
    gasUsed += result.outcome.gasUsed
    world.gasLeft -= result.outcome.gasUsed
    calls.push(result)
  }
  return { block: sealBlock(job, calls), calls }
}

async function simulateCall(
  context: MethodContext,
  { world, environment, request }: BlockJob,
  { call, blockGasLeft }: { readonly call: TransactionRequest; readonly blockGasLeft: bigint },
): Promise<CallResult> {
  const { executor } = context.backend
  const from = call.from ?? ZERO_ADDRESS
  const account = await accountAt(context, world, from)
  if (call.gas !== undefined && call.gas > blockGasLeft) {
    throw new JsonRpcError(
      SIMULATE_CODE.blockGasLimit,
      `block gas limit reached: remaining: ${blockGasLeft}, required: ${call.gas}`,
    )
  }
  const available = world.gasLeft < blockGasLeft ? world.gasLeft : blockGasLeft
  const gas = call.gas === undefined || call.gas > available ? available : call.gas
  const filled = {
    ...call,
    from,
    gas,
    nonce: call.nonce ?? account.nonce,
    maxFeePerGas: call.gasPrice ?? call.maxFeePerGas ?? 0n,
    maxPriorityFeePerGas: call.gasPrice ?? call.maxPriorityFeePerGas ?? 0n,
  }
  check(filled, { account, environment, validation: request.validation })
  // Fees that were named are charged, with validation or without.
  const { gasPrice: _price, chainId: _chain, ...plain } = filled
  const options: CallOptions = { stateOverrides: world.overrides, signal: context.signal }
  const outcome = await executor.call(world.stateRoot, environment, plain, options).catch((error) => {
    throw isRefusal(error) ? refused(error, gas) : error
  })
  const diff = (await executor.traceCall(
    world.stateRoot,
    environment,
    plain,
    { tracer: 'prestateTracer', diffMode: true },
    options,
  )) as StateDiff
  let logs: readonly Log[] = outcome.error === undefined ? outcome.logs : []
  if (request.traceTransfers) {
    const frame = await executor.traceCall(world.stateRoot, environment, plain, { tracer: 'callTracer', withLog: true }, options)
    logs = logsWithTransfers(frame as CallFrame)
  }
  // A nonce grows even when its call fails, and an override of the nonce may hide that from the trace.
  const used: StateOverrides = { [from]: { nonce: filled.nonce + 1n } }
  world.overrides = mergeOverrides(mergeOverrides(world.overrides, overridesOf(diff)), used)
  return { outcome, logs, transaction: toTransaction(filled, context.backend.chainId) }
}

async function accountAt(context: MethodContext, world: World, address: Hex): Promise<{ nonce: bigint; balance: bigint }> {
  const override = world.overrides[address]
  const stored = await context.backend.executor.account(world.stateRoot, address)
  return {
    nonce: override?.nonce ?? stored?.nonce ?? 0n,
    balance: override?.balance ?? stored?.balance ?? 0n,
  }
}

/** What keeps a real transaction out of a block and the machine does not mind in a call: only validation asks for it. */
function check(
  call: FilledCall,
  at: {
    readonly account: { nonce: bigint; balance: bigint }
    readonly environment: BlockEnvironment
    readonly validation: boolean
  },
): void {
  if (!at.validation) return
  const { account, environment } = at
  const who = `address ${checksumAddress(call.from)}`
  const fail = (code: number, message: string) => new JsonRpcError(code, `err: ${message} (supplied gas ${call.gas})`)
  if (account.nonce === (1n << 64n) - 1n) throw fail(CODE.internal, `nonce has max value: ${who}, nonce: ${account.nonce}`)
  if (call.nonce < account.nonce) {
    throw fail(SIMULATE_CODE.nonceTooLow, `nonce too low: ${who}, tx: ${call.nonce} state: ${account.nonce}`)
  }
  if (call.nonce > account.nonce) {
    throw fail(SIMULATE_CODE.nonceTooHigh, `nonce too high: ${who}, tx: ${call.nonce} state: ${account.nonce}`)
  }
  if (call.maxFeePerGas < environment.baseFeePerGas) {
    const fees = `maxFeePerGas: ${call.maxFeePerGas}, baseFee: ${environment.baseFeePerGas}`
    throw fail(SIMULATE_CODE.feeTooLow, `max fee per gas less than block base fee: ${who}, ${fees}`)
  }
}

const REFUSAL_CODES: readonly (readonly [RegExp, number])[] = [
  [/^max fee per gas less/, SIMULATE_CODE.feeTooLow],
  [/^(intrinsic gas too low|insufficient gas for floor)/, SIMULATE_CODE.intrinsicGas],
  [/^insufficient funds/, SIMULATE_CODE.insufficientFunds],
]

function refused(error: ZerogError, gas: bigint): JsonRpcError {
  const code = REFUSAL_CODES.find(([pattern]) => pattern.test(error.message))?.[1] ?? CODE.internal
  return new JsonRpcError(code, `err: ${refusalText(error)} (supplied gas ${gas})`)
}

type CallPlace = { readonly block: StoredBlock; readonly calls: readonly CallResult[]; readonly index: number }

function formatCall({ outcome, logs }: CallResult, { block, calls, index }: CallPlace): unknown {
  const logIndexFirst = calls.slice(0, index).reduce((sum, call) => sum + call.logs.length, 0)
  const common = {
    returnData: outcome.output,
    logs: logs.map((log, offset) => formatLog(log, { block, transactionIndex: index, logIndex: logIndexFirst + offset })),
    gasUsed: quantity(outcome.gasUsed),
    maxUsedGas: quantity(outcome.gasSpent),
  }
  if (outcome.error === undefined) return { ...common, status: '0x1' }
  const error = isRevert(outcome)
    ? { message: revertText(outcome.output), code: CODE.reverted, data: outcome.output }
    : { message: outcome.error, code: SIMULATE_CODE.executionFailed }
  return { ...common, ...(isRevert(outcome) ? { returnData: '0x' } : {}), status: '0x0', error }
}
