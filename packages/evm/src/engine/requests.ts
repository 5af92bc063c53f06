import { fromHex, type Hex } from '@zerog/primitives'
import type { BlockEnvironment, CallOptions, CallRequest, Transaction } from '../executor.ts'
import { NEW_ACCOUNT, stateKey, type WorldState } from '../state/world-state.ts'
import type { MessageRequest } from './transition.ts'

export function transactionRequest(transaction: Transaction, chainId: bigint): MessageRequest {
  return {
    from: transaction.from,
    to: transaction.to,
    nonce: transaction.nonce,
    gasLimit: transaction.gasLimit,
    value: transaction.value,
    data: fromHex(transaction.data),
    maxFeePerGas: transaction.maxFeePerGas,
    maxPriorityFeePerGas: transaction.maxPriorityFeePerGas,
    accessList: transaction.accessList ?? [],
    authorizations: transaction.authorizationList,
    chainId,
  }
}

/** Fills what a call leaves out, as geth does: sender zero, all gas allowed, no fee. */
export function callRequest(
  request: CallRequest,
  defaults: { readonly gas: bigint; readonly nonce: bigint; readonly chainId: bigint },
): MessageRequest {
  const { gasPrice } = request
  const maxFeePerGas = gasPrice ?? request.maxFeePerGas ?? request.maxPriorityFeePerGas ?? 0n
  return {
    from: lower(request.from ?? ZERO_ADDRESS),
    to: request.to === undefined || request.to === null ? null : lower(request.to),
    nonce: request.nonce ?? defaults.nonce,
    gasLimit: request.gas === undefined || request.gas > defaults.gas ? defaults.gas : request.gas,
    value: request.value ?? 0n,
    data: fromHex(request.data ?? '0x'),
    maxFeePerGas,
    maxPriorityFeePerGas: gasPrice ?? request.maxPriorityFeePerGas ?? 0n,
    accessList: request.accessList ?? [],
    authorizations: request.authorizationList,
    chainId: defaults.chainId,
  }
}

export function overriddenEnvironment(environment: BlockEnvironment, options: CallOptions | undefined): BlockEnvironment {
  return { ...environment, ...options?.blockOverrides }
}

/** Applies geth's state overrides as the start of the call's state. */
export function applyStateOverrides(state: WorldState, options: CallOptions | undefined): void {
  for (const [name, override] of Object.entries(options?.stateOverrides ?? {})) {
    const address = stateKey(name)
    const account = state.account(address) ?? NEW_ACCOUNT
    state.putAccount(address, {
      ...account,
      ...(override.balance !== undefined && { balance: override.balance }),
      ...(override.nonce !== undefined && { nonce: override.nonce }),
    })
    if (override.code !== undefined) state.putCode(address, fromHex(override.code))
    if (override.state !== undefined) state.clearStorage(address)
    for (const [slot, value] of Object.entries(override.state ?? override.stateDiff ?? {})) {
      state.putStorage(address, stateKey(slot), fromHex(value, 32))
    }
  }
  state.endTransaction()
}

export const ZERO_ADDRESS: Hex = '0x0000000000000000000000000000000000000000'

function lower(address: Hex): Hex {
  return address.toLowerCase() as Hex
}
