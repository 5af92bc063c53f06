import type { Endpoint } from '@zerog/ports'
import { RetrieverServiceDefinition } from '@zerog/proto/da'
import type { Retriever } from '../../../app/retriever/retriever.ts'
import { decodeCommitment } from '../row-codec.ts'
import { encodeStatement, toWire } from '../statement-codec.ts'
import { READERS } from './callers.ts'

const method = RetrieverServiceDefinition.methods.getRlc

/** Commitment, k, n and row size of the answer are proven; size and expiry are what a member says: compare them with the certificate. */
export function getRlc(retriever: Retriever): Endpoint<typeof method> {
  return {
    method,
    allow: READERS,
    async handle({ commitment, epoch }, { signal }) {
      const { code, bundle } = await retriever.code({ commitment: decodeCommitment(commitment), epoch }, signal)
      return { bundle: encodeStatement({ ...bundle, commitment: code.commitment, epoch }), rlc: toWire(code.rlc) }
    },
  }
}
