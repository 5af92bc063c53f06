import type { Endpoint } from '@zerog/ports'
import { RetrieverServiceDefinition } from '@zerog/proto/da'
import type { Retriever } from '../../../app/retriever/retriever.ts'
import { decodeCommitment, decodeIndexes, encodeRow } from '../row-codec.ts'
import { READERS } from './callers.ts'

const method = RetrieverServiceDefinition.methods.sampleRows

export function sampleRows(retriever: Retriever): Endpoint<typeof method> {
  return {
    method,
    allow: READERS,
    async *handle({ commitment, epoch, indexes }, { signal }) {
      const request = { commitment: decodeCommitment(commitment), epoch, indexes: decodeIndexes(indexes) }
      const { rows, missing } = await retriever.sample(request, signal)
      for (const row of rows) yield { row: encodeRow(row), missing: [] }
      yield { row: undefined, missing: [...missing] }
    },
  }
}
