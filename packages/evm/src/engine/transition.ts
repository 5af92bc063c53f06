import { equalBytes, fromHex, type Hex, toHex } from '@zerog/primitives'
import { recoverAddress } from '../codec/signature.ts'
import { authorizationHash, createAddress } from '../codec/transaction.ts'
import type { AccessListItem, Authorization, BlockEnvironment, Log, Refusal } from '../executor.ts'
import { INITCODE_BYTES_MAX } from '../limits.ts'
import { type AccountRecord, EMPTY_CODE_HASH, NEW_ACCOUNT, type WorldState } from '../state/world-state.ts'
import { type BlobFields, blobGasOf, checkBlobs } from './blobs.ts'
import { delegationOf } from './delegation.ts'
import type { Engine, Ran } from './engine.ts'
import { AUTHORIZATION_REFUND, intrinsicGas } from './gas.ts'
import { keyOf } from './keys.ts'

/** What a transaction or a call asks of the state transition. */
export type MessageRequest = {
  readonly from: Hex
  readonly to: Hex | null
  readonly nonce: bigint
  readonly gasLimit: bigint
  readonly value: bigint
  readonly data: Uint8Array
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
  readonly accessList: readonly AccessListItem[]
  /** undefined: not a type-4 transaction. */
  readonly authorizations: readonly Authorization[] | undefined
  readonly chainId: bigint
  /** Of a type-3 transaction. */
  readonly blobs?: BlobFields
}

export type TransitionMode = {
  /** `eth_call` skips the checks of nonce and sender code, and of the base fee when no fee is given (as geth does). */
  readonly kind: 'transaction' | 'call'
  /** Transfers without code are moved without the interpreter; a tracer must see them. */
  readonly traced: boolean
  /** EIP-3607 is off (development). */
  readonly contractSenders?: boolean
  /** Called with the addresses and slots that were touched beside those warm from the start (EIP-2930). */
  readonly onAccessList?: (accesses: AccessListItem[]) => void
}

export type Applied = {
  readonly status: 0 | 1
  readonly gasUsed: bigint
  /** Before refunds and the floor. */
  readonly gasSpent: bigint
  readonly effectiveGasPrice: bigint
  readonly output: Uint8Array
  /** geth's text. */
  readonly error: string | undefined
  readonly logs: readonly Log[]
  readonly contractAddress: Hex | null
}

/** Why a message cannot run at all: nothing was changed. */
export type Rejected = { readonly rejected: Refusal['reason']; readonly message: string }

/**
 * The state transition of one message under Prague rules (yellow paper 6; EIP-1559, 2930, 3529, 3607, 3651, 3860, 6780, 7623,
 * 7702), in geth's order of checks and with its words. Leaves the changes in the engine's state.
 */
export async function applyMessage(
  engine: Engine,
  request: MessageRequest,
  environment: BlockEnvironment,
  mode: TransitionMode,
): Promise<Applied | Rejected> {
  const { state } = engine
  const sender = keyOf(request.from)
  const rejected = check(engine, request, environment, mode)
  if (rejected !== undefined) return rejected
  const account = state.account(sender) ?? NEW_ACCOUNT
  const creation = request.to === null
  const { accessList, authorizations, data, gasLimit, value } = request
  const gas = intrinsicGas({ data, creation, accessList, authorizationCount: authorizations?.length ?? 0 })
  const { intrinsic } = gas
  const floor = engine.rules.floorGas ? gas.floor : 0n
  if (gasLimit < intrinsic) {
    return { rejected: 'invalid', message: `intrinsic gas too low: have ${gasLimit}, want ${intrinsic}` }
  }
  if (gasLimit < floor) {
    return { rejected: 'invalid', message: `insufficient gas for floor data gas cost: have ${gasLimit}, want ${floor}` }
  }
  const effectiveGasPrice = gasPrice(request, environment)
  const upfront = gasLimit * effectiveGasPrice
  if (account.balance - upfront < value) {
    return { rejected: 'insufficient_funds', message: `insufficient funds for transfer: address ${request.from}` }
  }
  if (creation && data.length > INITCODE_BYTES_MAX) {
    return { rejected: 'invalid', message: `max initcode size exceeded: code size ${data.length} limit ${INITCODE_BYTES_MAX}` }
  }
  if (authorizations === undefined && request.blobs === undefined && isPlainTransfer(engine, request, mode)) {
    const gasUsed = larger(intrinsic, floor)
    state.checkpoint()
    moveFunds(state, request, { sender, account, fee: gasUsed * effectiveGasPrice })
    payTip(engine, environment, gasUsed * (effectiveGasPrice - feeBase(environment, effectiveGasPrice)))
    state.commit()
    state.endTransaction()
    mode.onAccessList?.([])
    return { ...TRANSFERRED, gasUsed, gasSpent: gasUsed, effectiveGasPrice }
  }
  state.checkpoint()
  const blobFee = blobGasOf(request.blobs) * (environment.blobBaseFee ?? 1n)
  state.putAccount(sender, { ...account, balance: account.balance - upfront - blobFee, nonce: account.nonce + 1n })
  const authorized = authorize(state, request)
  const ran = isPlainTransfer(engine, request, mode)
    ? transfer(state, request)
    : await engine.run({
        from: request.from,
        to: request.to,
        value,
        data,
        gas: gasLimit - intrinsic,
        gasPrice: effectiveGasPrice,
        baseFeePerGas: feeBase(environment, effectiveGasPrice),
        accessList,
        authorities: authorized.authorities,
        reportsAccesses: mode.onAccessList !== undefined,
        ...(request.blobs !== undefined && { blobHashes: request.blobs.hashes }),
      })
  const gasSpent = intrinsic + ran.gasUsed
  const refundMax = gasSpent / 5n
  const refund = ran.refund + authorized.refund
  const gasUsed = larger(gasSpent - smaller(refund, refundMax), floor)
  const after = state.account(sender) ?? NEW_ACCOUNT
  state.putAccount(sender, { ...after, balance: after.balance + (gasLimit - gasUsed) * effectiveGasPrice })
  mode.onAccessList?.(ran.accesses)
  payTip(engine, environment, gasUsed * (effectiveGasPrice - feeBase(environment, effectiveGasPrice)))
  for (const destroyed of ran.destroyed) state.deleteAccount(destroyed)
  state.commit()
  state.endTransaction()
  return {
    status: ran.error === undefined ? 1 : 0,
    gasUsed,
    gasSpent: larger(gasSpent, floor),
    effectiveGasPrice,
    output: ran.output,
    error: ran.error,
    logs: ran.logs,
    contractAddress: creation ? toHex(createAddress(fromHex(request.from), account.nonce)) : null,
  }
}

const NOTHING = new Uint8Array(0)
const TRANSFERRED = { status: 1, output: NOTHING, error: undefined, logs: [], contractAddress: null } as const
const U64_MAX = (1n << 64n) - 1n

function smaller(a: bigint, b: bigint): bigint {
  if (a < b) return a
  return b
}

function larger(a: bigint, b: bigint): bigint {
  if (a > b) return a
  return b
}

/** A call without any fee runs as if the base fee were zero. */
function feeBase(environment: BlockEnvironment, effectiveGasPrice: bigint): bigint {
  return effectiveGasPrice === 0n ? 0n : environment.baseFeePerGas
}

function gasPrice(request: MessageRequest, environment: BlockEnvironment): bigint {
  const { maxFeePerGas, maxPriorityFeePerGas } = request
  if (maxFeePerGas === 0n) return 0n
  const wanted = environment.baseFeePerGas + maxPriorityFeePerGas
  return smaller(wanted, maxFeePerGas)
}

function check(
  { state, rules }: Engine,
  request: MessageRequest,
  environment: BlockEnvironment,
  mode: TransitionMode,
): Rejected | undefined {
  const { from, nonce, maxFeePerGas, maxPriorityFeePerGas } = request
  const account = state.account(keyOf(from)) ?? NEW_ACCOUNT
  if (mode.kind === 'transaction') {
    if (nonce < account.nonce) {
      return { rejected: 'nonce_too_low', message: `nonce too low: address ${from}, tx: ${nonce} state: ${account.nonce}` }
    }
    if (nonce > account.nonce) {
      return { rejected: 'nonce_too_high', message: `nonce too high: address ${from}, tx: ${nonce} state: ${account.nonce}` }
    }
    if (account.nonce === U64_MAX)
      return { rejected: 'invalid', message: `nonce has max value: address ${from}, nonce: ${nonce}` }
    const contract = account.codeHash !== EMPTY_CODE_HASH && mode.contractSenders !== true
    if (contract && delegationOf(state.code(account.codeHash)) === undefined) {
      return { rejected: 'invalid', message: `sender not an eoa: address ${from}, codehash: ${toHex(account.codeHash)}` }
    }
  }
  if (mode.kind === 'transaction' || maxFeePerGas > 0n || maxPriorityFeePerGas > 0n) {
    if (maxPriorityFeePerGas > maxFeePerGas) {
      return {
        rejected: 'invalid',
        message: `max priority fee per gas higher than max fee per gas: address ${from}, maxPriorityFeePerGas: ${maxPriorityFeePerGas}, maxFeePerGas: ${maxFeePerGas}`,
      }
    }
    if (maxFeePerGas < environment.baseFeePerGas) {
      return {
        rejected: 'fee_too_low',
        message: `max fee per gas less than block base fee: address ${from}, maxFeePerGas: ${maxFeePerGas}, baseFee: ${environment.baseFeePerGas}`,
      }
    }
  }
  if (request.authorizations !== undefined) {
    if (request.to === null) {
      return { rejected: 'invalid', message: `EIP-7702 transaction cannot be used to create contract (sender ${from})` }
    }
    if (request.authorizations.length === 0) {
      return { rejected: 'invalid', message: `EIP-7702 transaction with empty auth list (sender ${from})` }
    }
  }
  const { blobs } = request
  if (blobs !== undefined) {
    const at = { from, to: request.to, fork: rules.fork, blobBaseFee: environment.blobBaseFee ?? 1n }
    const rejected = checkBlobs(blobs, at)
    if (rejected !== undefined) return rejected
  }
  const cost = request.gasLimit * maxFeePerGas + request.value + blobGasOf(blobs) * (blobs?.maxFeePerGas ?? 0n)
  if (account.balance < cost) {
    return {
      rejected: 'insufficient_funds',
      message: `insufficient funds for gas * price + value: address ${from} have ${account.balance} want ${cost}`,
    }
  }
  return undefined
}

/** Who signed an EIP-7702 tuple. */
export function recoverAuthority(authorization: Authorization): Hex | undefined {
  const authority = recoverAddress(authorizationHash(authorization), authorization)
  return authority && toHex(authority)
}

/** Applies the authorization list (EIP-7702); invalid tuples are skipped. Every authority that signed is warm. */
function authorize(state: WorldState, request: MessageRequest): { readonly refund: bigint; readonly authorities: Hex[] } {
  const authorities: Hex[] = []
  let refund = 0n
  for (const authorization of request.authorizations ?? []) {
    const { chainId, address, nonce } = authorization
    if (chainId !== 0n && chainId !== request.chainId) continue
    if (nonce === U64_MAX) continue
    const authority = recoverAuthority(authorization)
    if (authority === undefined) continue
    authorities.push(authority)
    const key = keyOf(authority)
    const account = state.account(key)
    const code = account === undefined ? NOTHING : state.code(account.codeHash)
    if (code.length > 0 && delegationOf(code) === undefined) continue
    if ((account?.nonce ?? 0n) !== nonce) continue
    if (account !== undefined) refund += AUTHORIZATION_REFUND
    state.putAccount(key, { ...(account ?? NEW_ACCOUNT), nonce: nonce + 1n })
    const target = fromHex(address, 20)
    const clears = target.every((byte) => byte === 0)
    state.putCode(key, clears ? NOTHING : Uint8Array.from([0xef, 0x01, 0x00, ...target]))
  }
  return { refund, authorities }
}

function isPlainTransfer(engine: Engine, request: MessageRequest, mode: TransitionMode): boolean {
  if (mode.traced || request.to === null) return false
  const target = engine.state.account(keyOf(request.to))
  return (target === undefined || target.codeHash === EMPTY_CODE_HASH) && !engine.isPrecompile(request.to)
}

/** A transfer after which nothing can fail: funds and gas were checked, and nobody has code to run. */
function moveFunds(
  state: WorldState,
  { to, value }: MessageRequest,
  { sender, account, fee }: { readonly sender: string; readonly account: AccountRecord; readonly fee: bigint },
): void {
  state.putAccount(sender, { ...account, balance: account.balance - fee - value, nonce: account.nonce + 1n })
  if (value === 0n) return
  const receiver = keyOf(to as Hex) // a creation is no plain transfer
  const target = state.account(receiver) ?? NEW_ACCOUNT
  state.putAccount(receiver, { ...target, balance: target.balance + value })
}

/** The sender's funds were checked; nobody has code to run. Beside an authorization list. */
function transfer(state: WorldState, { from, to, value }: MessageRequest): Ran {
  if (value > 0n) {
    const sender = keyOf(from)
    const account = state.account(sender) ?? NEW_ACCOUNT
    state.putAccount(sender, { ...account, balance: account.balance - value })
    const receiver = keyOf(to as Hex)
    const target = state.account(receiver) ?? NEW_ACCOUNT
    state.putAccount(receiver, { ...target, balance: target.balance + value })
  }
  return { gasUsed: 0n, refund: 0n, output: NOTHING, error: undefined, logs: [], destroyed: [], accesses: [] }
}

function payTip({ state }: Engine, environment: BlockEnvironment, tip: bigint): void {
  if (tip === 0n) return
  const key = keyOf(environment.beneficiary)
  const account = state.account(key) ?? NEW_ACCOUNT
  state.putAccount(key, { ...account, balance: account.balance + tip })
}

/** A call of the protocol itself (EIP-2935, EIP-4788): no fee, no nonce; nothing happens where there is no code. */
export async function systemCall(
  engine: Engine,
  environment: BlockEnvironment,
  { caller, to, data, gas }: { readonly caller: Hex; readonly to: Hex; readonly data: Uint8Array; readonly gas: bigint },
): Promise<void> {
  const { state } = engine
  const target = state.account(keyOf(to))
  if (target === undefined || equalBytes(target.codeHash, EMPTY_CODE_HASH)) return
  state.checkpoint()
  await engine.run({
    from: caller,
    to,
    value: 0n,
    data,
    gas,
    gasPrice: 0n,
    baseFeePerGas: environment.baseFeePerGas,
    accessList: [],
    authorities: [],
    reportsAccesses: false,
  })
  state.commit()
  state.endTransaction()
}
