import type { Hex } from '@zerog/primitives'
import { LATEST } from './codecs/block.ts'
import type { TransactionRequest } from './codecs/call.ts'
import { serverError } from './errors.ts'
import { estimateGas } from './estimate-gas.ts'
import { suggestTip } from './fees.ts'
import { ZERO_ADDRESS } from './format/hex.ts'
import type { MethodContext } from './method.ts'
import { stateAt } from './state-at.ts'
import type { UnsignedTransaction } from './transaction-encoding.ts'

export type FilledTransaction = UnsignedTransaction & { readonly from: Hex }

/** Completes a request as geth does: nonce of the pool, estimated gas, and a fee cap that survives a doubled base fee. */
export async function fillTransaction(context: MethodContext, request: TransactionRequest): Promise<FilledTransaction> {
  const { backend, limits, signal } = context
  const { chainId } = request
  if (chainId !== undefined && chainId !== backend.chainId) {
    throw serverError(`chainId does not match node's (have=${chainId}, want=${backend.chainId})`)
  }
  const from = request.from ?? ZERO_ADDRESS
  const data = request.data ?? '0x'
  const to = request.to ?? null
  if (to === null && data === '0x') throw serverError('contract creation without any data provided')
  const fees = feesOf(context, request)
  const gas =
    request.gas ??
    (await estimateGas(backend, stateAt(backend, LATEST), { ...request, from }, { gasMax: limits.callGasMax, signal }))
  return {
    from,
    ...fees,
    chainId: backend.chainId,
    nonce: request.nonce ?? (await backend.pendingNonce(from)),
    gas,
    to,
    value: request.value ?? 0n,
    data,
    accessList: request.accessList ?? [],
    authorizationList: request.authorizationList ?? [],
  }
}

type Fees = Pick<UnsignedTransaction, 'type' | 'gasPrice' | 'maxFeePerGas' | 'maxPriorityFeePerGas'>

function feesOf({ backend }: MethodContext, request: TransactionRequest): Fees {
  if (request.gasPrice !== undefined && request.authorizationList === undefined) {
    const price = request.gasPrice
    return { type: request.accessList === undefined ? 0 : 1, gasPrice: price, maxFeePerGas: price, maxPriorityFeePerGas: price }
  }
  const tip = request.maxPriorityFeePerGas ?? suggestTip(backend)
  const cap = request.maxFeePerGas ?? backend.nextBaseFee(backend.head()) * 2n + tip
  if (cap < tip) throw serverError(`maxFeePerGas (${cap}) < maxPriorityFeePerGas (${tip})`)
  return { type: request.authorizationList === undefined ? 2 : 4, gasPrice: cap, maxFeePerGas: cap, maxPriorityFeePerGas: tip }
}
