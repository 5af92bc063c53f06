import type { Rpc } from '@zerog/ports'
import { RetrieverServiceDefinition } from '@zerog/proto/da'
import type { Retriever } from '../../../app/retriever/retriever.ts'
import { getRlc } from './get-rlc.ts'
import { retrieve } from './retrieve.ts'
import { sampleRows } from './sample-rows.ts'

export function serveRetriever(rpc: Rpc, retriever: Retriever): void {
  rpc.serve(RetrieverServiceDefinition, {
    retrieve: retrieve(retriever),
    sampleRows: sampleRows(retriever),
    getRlc: getRlc(retriever),
  })
}
