import type { Rpc } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { JsonRpcServiceDefinition } from '@zerog/proto/chain'
import type { JsonRpc } from './account.ts'

const TIMEOUT_MS = 15_000
/** Targets that answer, the first that runs: as for following the chain. */
const TARGETS = ['chain-rpc', 'chain-validator']

/** Ethereum's JSON-RPC of the chain service, over gRPC. */
export function chainJsonRpc(rpc: Rpc): JsonRpc {
  let id = 0
  return async (method, params) => {
    const target = TARGETS.find((name) => rpc.instances(name) > 0) ?? 'chain-validator'
    const client = rpc.client(JsonRpcServiceDefinition, target)
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params }))
    const chunks: Buffer[] = []
    for await (const { chunk } of client.execute({ body, minHeight: 0n }, { timeoutMs: TIMEOUT_MS })) chunks.push(chunk)
    const answer = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
      result?: unknown
      error?: { code?: unknown; message?: unknown; data?: unknown }
    }
    if (answer.error === undefined) return answer.result
    const { code, message, data } = answer.error
    throw new ZerogError('TRANSACTION_REFUSED', {
      message: `${method}: ${String(message).slice(0, 500)}`,
      metadata: { code: String(code), ...(typeof data === 'string' && { data: data.slice(0, 1024) }) },
    })
  }
}
