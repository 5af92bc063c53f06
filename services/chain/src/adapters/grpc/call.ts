import type { Endpoint } from '@zerog/ports'
import { fromHex, toHex, ZerogError } from '@zerog/primitives'
import { ChainServiceDefinition } from '@zerog/proto/chain'
import type { ChainBackend } from '../../app/chain-backend.ts'
import { CHAIN_CALLERS } from './callers.ts'

type Call = typeof ChainServiceDefinition.methods.call

/** eth_call on the state after a finalized block. A revert is an answer; any other failure is TRANSACTION_REFUSED. */
export function callEndpoint({ backend }: { readonly backend: ChainBackend }): Endpoint<Call> {
  return {
    method: ChainServiceDefinition.methods.call,
    allow: CHAIN_CALLERS,
    handle: async ({ to, data, height }, { signal }) => {
      if (to.length !== 20) throw new ZerogError('INVALID_ARGUMENT', { message: `to must be 20 bytes, not ${to.length}` })
      const head = backend.head()
      const block = height === undefined || height === head.header.height ? head : backend.blockByHeight(height)
      if (block === undefined) {
        throw new ZerogError('NOT_FOUND', {
          message: `there is no finalized block ${height}; the head is ${head.header.height}`,
          metadata: { height: String(height), head: String(head.header.height) },
        })
      }
      const environment = backend.callEnvironment(block, 'at')
      const request = { to: toHex(to), data: toHex(data) }
      const outcome = await backend.executor.call(block.header.stateRoot, environment, request, { signal })
      const value = Buffer.from(fromHex(outcome.output))
      const answer = { height: block.header.height }
      if (outcome.error === undefined) return { ...answer, result: { $case: 'output' as const, value } }
      if (outcome.error === 'execution reverted') return { ...answer, result: { $case: 'revertData' as const, value } }
      throw new ZerogError('TRANSACTION_REFUSED', { message: outcome.error })
    },
  }
}
