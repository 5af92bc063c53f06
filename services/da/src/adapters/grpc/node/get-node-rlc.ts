import type { Endpoint } from '@zerog/ports'
import { NodeServiceDefinition } from '@zerog/proto/da'
import type { DaNode } from '../../../app/node/da-node.ts'
import { decodeCommitment } from '../row-codec.ts'
import { encodeStatement, toWire } from '../statement-codec.ts'

const method = NodeServiceDefinition.methods.getNodeRlc

export function getNodeRlc(node: DaNode): Endpoint<typeof method> {
  return {
    method,
    allow: ['da-retriever', 'da-node', 'developer'],
    async handle(request) {
      const { bundle, rlc, rowRoot } = await node.code(decodeCommitment(request.commitment))
      return { bundle: encodeStatement(bundle), rlc: toWire(rlc), rowRoot: toWire(rowRoot) }
    },
  }
}
