import type { Endpoint } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { ChainServiceDefinition, JsonRpcServiceDefinition } from '@zerog/proto/chain'
import { defineModule } from '@zerog/runtime'
import { z } from 'zod'

type Call = { readonly id: unknown; readonly method: string; readonly params?: readonly unknown[] }

/** A chain instance whose height the test sets; it keeps the wire contract (min_height, REPLICA_BEHIND) over the real channel. */
export type ChainStandIn = {
  height: bigint
  /** Bodies that reached it. */
  readonly bodies: string[]
  /** Thrown instead of an answer. */
  failure: ZerogError | undefined
  /** Error message for signed transactions. */
  refuses: string | undefined
  /** Whether it finds the transactions that it is asked for. */
  knows: boolean
  /** What the next answers wait for. */
  gate: Promise<void> | undefined
  /** Ends every open connection from the server's side. */
  hangUp: () => void
}

export function chainStandIn(target: 'chain-rpc' | 'chain-validator', height: bigint) {
  let hangUp = new AbortController()
  const chain: ChainStandIn = {
    height,
    bodies: [],
    failure: undefined,
    refuses: undefined,
    knows: true,
    gate: undefined,
    hangUp: () => {
      hangUp.abort()
      hangUp = new AbortController()
    },
  }

  const answer = async (body: Buffer, minHeight: bigint): Promise<Buffer> => {
    chain.bodies.push(body.toString())
    if (chain.failure !== undefined) throw chain.failure
    await chain.gate
    if (chain.height < minHeight) {
      throw new ZerogError('REPLICA_BEHIND', { message: `at height ${chain.height}, asked for ${minHeight}` })
    }
    const calls: Call | Call[] = JSON.parse(body.toString())
    const result = (call: Call) =>
      chain.refuses !== undefined && call.method === 'eth_sendRawTransaction'
        ? { jsonrpc: '2.0', id: call.id, error: { code: -32000, message: chain.refuses } }
        : { jsonrpc: '2.0', id: call.id, result: resultOf(chain, call) }
    return Buffer.from(JSON.stringify(Array.isArray(calls) ? calls.map(result) : result(calls)))
  }

  const module = defineModule({
    target,
    dependsOn: [],
    config: z.strictObject({}),
    start: async (context) => {
      const allow = ['gateway']
      context.rpc.serve(ChainServiceDefinition, {
        getHead: {
          method: ChainServiceDefinition.methods.getHead,
          allow,
          handle: async () => ({ chainId: 31337n, height: chain.height, hash: Buffer.alloc(32) }),
        },
        watchLogs: unused(ChainServiceDefinition.methods.watchLogs),
        call: unused(ChainServiceDefinition.methods.call),
        getCertificate: unused(ChainServiceDefinition.methods.getCertificate),
        submitTransaction: unused(ChainServiceDefinition.methods.submitTransaction),
      })
      const execute: Endpoint<typeof JsonRpcServiceDefinition.methods.execute> = {
        method: JsonRpcServiceDefinition.methods.execute,
        allow,
        async *handle(request) {
          const body = await answer(request.body, request.minHeight)
          for (let offset = 0; offset < body.length; offset += 1 << 20) {
            yield { chunk: body.subarray(offset, offset + (1 << 20)), height: offset === 0 ? chain.height : 0n }
          }
        },
      }
      const connect: Endpoint<typeof JsonRpcServiceDefinition.methods.connect> = {
        method: JsonRpcServiceDefinition.methods.connect,
        allow,
        async *handle(requests) {
          const iterator = requests[Symbol.asyncIterator]()
          const stop = hangUp.signal
          const stopped = new Promise<'stopped'>((resolve) => stop.addEventListener('abort', () => resolve('stopped')))
          while (true) {
            const next = await Promise.race([iterator.next(), stopped])
            if (next === 'stopped' || next.done) return
            yield { frame: await answer(next.value.frame, next.value.minHeight), height: chain.height }
          }
        },
      }
      context.rpc.serve(JsonRpcServiceDefinition, { execute, connect })
      return { health: () => ({ ready: true, checks: [] }), stop: async () => {} }
    },
  })
  return { chain, module }
}

function resultOf(chain: ChainStandIn, call: Call): unknown {
  if (call.method === 'test_large') return 'x'.repeat(Number(call.params?.[0] ?? 0))
  if (call.method === 'eth_getTransactionByHash') return chain.knows ? { hash: call.params?.[0] } : null
  return `0x${chain.height.toString(16)}`
}

function unused(method: object): any {
  return {
    method,
    allow: ['gateway'],
    handle: async () => {
      throw new ZerogError('NOT_FOUND', { message: 'the stand-in has no such method' })
    },
  }
}
