import { encodeHeader, encodeReceipt } from '@zerog/evm'
import { type Hex, toHex } from '@zerog/primitives'
import type { StoredBlock } from '../../../app/chain-backend.ts'
import { blockNumber, blockNumberOrHash, LATEST } from '../codecs/block.ts'
import { transactionRequest } from '../codecs/call.ts'
import { hash } from '../codecs/hex.ts'
import { defaultTrace, type TraceRequest, traceRequest } from '../codecs/tracer.ts'
import { serverError } from '../errors.ts'
import type { JsonRpcLimits } from '../limits.ts'
import { type Method, type MethodContext, method, optional, required } from '../method.ts'
import { orRefusal } from '../refusal.ts'
import { findBlock, requireBlock, stateAt } from '../state-at.ts'
import { capped } from './eth-call.ts'
import { rawTransaction } from './eth-transactions.ts'

/** Raw encodings and traces. */
export function debugMethods(limits: JsonRpcLimits): Readonly<Record<string, Method>> {
  const trace = optional(traceRequest({ stepsMax: limits.traceStepsMax }), defaultTrace({ stepsMax: limits.traceStepsMax }))
  return {
    debug_getBadBlocks: method([], () => []),
    debug_getRawBlock: method([required(blockNumberOrHash)], ({ backend }, ref) => toHex(requireBlock(backend, ref).encoded)),
    debug_getRawHeader: method([required(blockNumberOrHash)], ({ backend }, ref) =>
      toHex(encodeHeader(requireBlock(backend, ref).header)),
    ),
    debug_getRawReceipts: method([required(blockNumberOrHash)], ({ backend }, ref) =>
      requireBlock(backend, ref).receipts.map((receipt) => toHex(encodeReceipt(receipt))),
    ),
    debug_getRawTransaction: method([required(hash)], (context, id) => rawTransaction(context, id)),
    debug_traceTransaction: method([required(hash), trace], traceTransaction),
    debug_traceBlockByHash: method([required(hash), trace], (context, blockHash, request) => {
      const block = context.backend.blockByHash(blockHash)
      if (block === undefined) throw serverError(`block ${blockHash} not found`)
      return traceBlock(context, block, request)
    }),
    debug_traceBlockByNumber: method([required(blockNumber), trace], (context, ref, request) => {
      const block = findBlock(context.backend, ref)
      if (block === undefined) throw serverError(`block #${ref.kind === 'height' ? ref.height : '?'} not found`)
      return traceBlock(context, block, request)
    }),
    debug_traceCall: method(
      [required(transactionRequest), optional(blockNumberOrHash, LATEST), trace],
      (context, request, ref, options) => {
        const { backend, signal } = context
        const at = stateAt(backend, ref)
        const limited = capped(context, request)
        const callOptions = { ...options.overrides, signal }
        const traced = backend.executor.traceCall(at.stateRoot, at.environment, limited, options.config, callOptions)
        return orRefusal(traced, limited.gas)
      },
    ),
  }
}

async function traceTransaction(context: MethodContext, id: Hex, request: TraceRequest): Promise<unknown> {
  const located = context.backend.transaction(id)
  if (located === undefined) throw serverError('transaction not found')
  const [traced] = await traceIn(context, located.block, { config: request.config, only: located.index })
  return traced?.result
}

function traceBlock(context: MethodContext, block: StoredBlock, request: TraceRequest): Promise<unknown> {
  return traceIn(context, block, { config: request.config })
}

/** Runs the transactions of a block again, on the state of its parent. */
function traceIn(
  { backend, signal }: MethodContext,
  block: StoredBlock,
  options: { readonly config: TraceRequest['config']; readonly only?: number },
) {
  if (block.header.height === 0n) throw serverError('genesis is not traceable')
  const parent = backend.blockByHash(block.header.parentHash)
  if (parent === undefined) throw serverError(`parent ${block.header.parentHash} not found`)
  return backend.executor.trace({
    stateRoot: parent.header.stateRoot,
    environment: backend.callEnvironment(block, 'at'),
    transactions: block.transactions,
    ...options,
    signal,
  })
}
