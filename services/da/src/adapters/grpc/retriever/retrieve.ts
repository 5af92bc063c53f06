import type { Endpoint } from '@zerog/ports'
import { RetrieverServiceDefinition } from '@zerog/proto/da'
import type { Retriever } from '../../../app/retriever/retriever.ts'
import { decodeCommitment } from '../row-codec.ts'
import { invalid, toWire } from '../statement-codec.ts'
import { READERS } from './callers.ts'

const method = RetrieverServiceDefinition.methods.retrieve

export function retrieve(retriever: Retriever): Endpoint<typeof method> {
  return {
    method,
    allow: READERS,
    async *handle({ header, offset, length }, { signal }) {
      if (header === undefined) throw invalid('header', 'the header names the blob')
      const { epoch, quorumId } = header
      const blob = { commitment: decodeCommitment(header.commitment), epoch, quorumId }
      const range = { offset: decodeSize(offset, 'offset'), length: decodeSize(length, 'length') }
      for await (const piece of retriever.retrieve(blob, range, signal)) yield { chunk: toWire(piece) }
    },
  }
}

/** Within a bundle, so below 2^32. */
function decodeSize(value: bigint, parameter: string): number {
  if (value >= 2n ** 32n) throw invalid(parameter, 'no bundle has so many bytes')
  return Number(value)
}
