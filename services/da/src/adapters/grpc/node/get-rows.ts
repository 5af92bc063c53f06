import type { Endpoint } from '@zerog/ports'
import { NodeServiceDefinition } from '@zerog/proto/da'
import type { DaNode } from '../../../app/node/da-node.ts'
import { decodeCommitment, decodeIndexes, encodeRow } from '../row-codec.ts'

const method = NodeServiceDefinition.methods.getRows

export function getRows(node: DaNode): Endpoint<typeof method> {
  return {
    method,
    allow: ['da-retriever', 'da-node', 'developer'],
    async *handle(request, { signal }) {
      const indexes = request.all ? undefined : decodeIndexes(request.indexes)
      for await (const rows of node.rows(decodeCommitment(request.commitment), indexes, signal)) {
        yield { rows: rows.map(encodeRow) }
      }
    },
  }
}
