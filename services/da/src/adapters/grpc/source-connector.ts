import type { Rpc } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { NodeServiceDefinition } from '@zerog/proto/da'
import type { Source, SourceConnector } from '../../app/retriever/sources.ts'
import { SOURCE_TIMEOUT_MS } from '../../limits.ts'
import { decodeRow } from './row-codec.ts'
import { decodeStatement, toWire } from './statement-codec.ts'

const TARGET = 'da-node'

/** Members over gRPC, to read from: the socket of a member of this installation is the ordinal of its instance. */
export function rpcSourceConnector(rpc: Rpc): SourceConnector {
  const known = new Map<string, Source>()
  return ({ socket, address }) => {
    const instance = /^\d{1,4}$/.test(socket) ? Number(socket) : undefined
    if (instance === undefined) {
      throw new ZerogError('DEPENDENCY_UNAVAILABLE', {
        message: `member ${address} is registered at ${socket}; this installation reaches members by the ordinal of their instance only`,
        metadata: { socket },
      })
    }
    const source = known.get(socket) ?? connect(rpc, instance)
    known.set(socket, source)
    return source
  }
}

function connect(rpc: Rpc, instance: number): Source {
  const client = rpc.client(NodeServiceDefinition, TARGET, instance)
  return {
    async *rows({ commitment, indexes }, signal) {
      const request = { commitment: toWire(commitment), indexes: [...indexes], all: false }
      for await (const { rows } of client.getRows(request, { signal, timeoutMs: SOURCE_TIMEOUT_MS })) yield rows.map(decodeRow)
    },
    async code(commitment, signal) {
      const request = { commitment: toWire(commitment) }
      const { bundle, rlc, rowRoot } = await client.getNodeRlc(request, { signal, timeoutMs: SOURCE_TIMEOUT_MS, retriesMax: 0 })
      return { bundle: decodeStatement(bundle), rlc, rowRoot }
    },
  }
}
