import { type Committee, createWindow, windowMessage } from '@zerog/availability'
import { developmentDaNode } from '@zerog/contracts'
import type { Endpoint } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { NodeServiceDefinition } from '@zerog/proto/da'
import { defineModule } from '@zerog/runtime'
import { z } from 'zod'
import { decodeStatement } from '../../src/adapters/grpc/statement-codec.ts'
import { blsWindowSigner } from '../../src/adapters/identity/window-signer.ts'
import { CHAIN_ID } from './members.ts'

/**
 * liar: claims to store and signs with another key; forger: answers bytes that are no point; withholder: signs rightly and keeps no row;
 * mute: never answers; refuser: takes rows and signs nothing.
 */
export type Fault = 'liar' | 'forger' | 'withholder' | 'mute' | 'refuser'
type Methods = typeof NodeServiceDefinition.methods

/** A member that does its worst behind the interface of a real one. */
export function badMember(fault: Fault, instance: number, committee: Committee) {
  const signer = blsWindowSigner(developmentDaNode(fault === 'withholder' ? instance : instance + 50).blsSecretKey)
  const refuse = async (): Promise<never> => {
    throw new ZerogError('NOT_FOUND', { message: 'it is not here' })
  }
  const putRows: Endpoint<Methods['putRows']> = {
    method: NodeServiceDefinition.methods.putRows,
    allow: ['da-encoder'],
    async handle(requests, { signal }) {
      if (fault === 'mute') return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      let storedCount = 0
      for await (const { rows } of requests) storedCount += rows.length
      return { storedCount }
    },
  }
  const signWindow: Endpoint<Methods['signWindow']> = {
    method: NodeServiceDefinition.methods.signWindow,
    allow: ['da-disperser'],
    async handle({ bundles }) {
      if (fault === 'refuser') throw new ZerogError('WRONG_STATE', { message: 'not today' })
      if (fault === 'forger') return { signature: Buffer.alloc(96, 0xab) }
      const window = createWindow(bundles.map(decodeStatement), committee, CHAIN_ID)
      return { signature: Buffer.from(signer.sign(windowMessage(window))) }
    },
  }
  return defineModule({
    target: 'da-node',
    dependsOn: [],
    config: z.strictObject({}),
    async start({ rpc }) {
      const { methods } = NodeServiceDefinition
      rpc.serve(NodeServiceDefinition, {
        putRows,
        signWindow,
        getRows: {
          method: methods.getRows,
          allow: ['da-retriever', 'da-node'],
          async *handle() {},
        },
        getNodeRlc: { method: methods.getNodeRlc, allow: ['da-retriever', 'da-node'], handle: refuse },
        getStats: { method: methods.getStats, allow: ['da-retriever', 'da-disperser'], handle: refuse },
      })
      return { health: () => ({ ready: true, checks: [] }), stop: async () => {} }
    },
  })
}
