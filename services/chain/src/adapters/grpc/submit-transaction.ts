import { keccak256 } from '@zerog/evm'
import type { Endpoint } from '@zerog/ports'
import { fromHex, toHex, ZerogError } from '@zerog/primitives'
import { ChainServiceDefinition } from '@zerog/proto/chain'
import type { ChainBackend } from '../../app/chain-backend.ts'
import { CHAIN_CALLERS, REPLICAS } from './callers.ts'

type SubmitTransaction = typeof ChainServiceDefinition.methods.submitTransaction

/** Durable in the pool when it returns. Idempotent: the same bytes give the same hash, waiting or included. */
export function submitTransactionEndpoint({ backend }: { readonly backend: ChainBackend }): Endpoint<SubmitTransaction> {
  return {
    method: ChainServiceDefinition.methods.submitTransaction,
    allow: [...CHAIN_CALLERS, ...REPLICAS],
    handle: async ({ raw }) => {
      const hash = toHex(keccak256(raw))
      try {
        return { transactionHash: Buffer.from(fromHex(await backend.submit(raw))) }
      } catch (error) {
        const known = error instanceof ZerogError && error.metadata.known === 'true'
        if (known || backend.transaction(hash) !== undefined) return { transactionHash: Buffer.from(fromHex(hash)) }
        throw error
      }
    },
  }
}
