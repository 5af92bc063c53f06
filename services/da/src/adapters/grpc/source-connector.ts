import type { Source, SourceConnector } from '../../app/retriever/sources.ts'
import { SOURCE_TIMEOUT_MS } from '../../limits.ts'
import type { NodeDialer } from '../foreign/dialer.ts'
import { decodeRow } from './row-codec.ts'
import { decodeStatement, toWire } from './statement-codec.ts'

/** Members over gRPC, to read from, wherever they are. */
export function rpcSourceConnector(dial: NodeDialer): SourceConnector {
  return (member): Source => ({
    async *rows({ commitment, indexes }, signal) {
      const client = await dial(member)
      const request = { commitment: toWire(commitment), indexes: [...indexes], all: false }
      for await (const { rows } of client.getRows(request, { signal, timeoutMs: SOURCE_TIMEOUT_MS })) yield rows.map(decodeRow)
    },
    async code(commitment, signal) {
      const client = await dial(member)
      const request = { commitment: toWire(commitment) }
      const { bundle, rlc, rowRoot } = await client.getNodeRlc(request, { signal, timeoutMs: SOURCE_TIMEOUT_MS, retriesMax: 0 })
      return { bundle: decodeStatement(bundle), rlc, rowRoot }
    },
  })
}
