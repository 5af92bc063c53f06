import type { CallContext, Client, Endpoint, RpcService } from '@zerog/ports'
import { ConnectResponse as Note } from '@zerog/proto/chain'

const types = { requestType: Note, responseType: Note, options: {} } as const

/** One RPC of each kind, for the tests of both transports. */
export const EchoServiceDefinition = {
  name: 'EchoService',
  fullName: 'zerog.test.v1.EchoService',
  methods: {
    unary: { name: 'Unary', ...types, requestStream: false, responseStream: false },
    collect: { name: 'Collect', ...types, requestStream: true, responseStream: false },
    produce: { name: 'Produce', ...types, requestStream: false, responseStream: true },
    exchange: { name: 'Exchange', ...types, requestStream: true, responseStream: true },
    watch: { name: 'WatchNotes', ...types, requestStream: false, responseStream: true },
  },
} as const satisfies RpcService

type Methods = typeof EchoServiceDefinition.methods
export type EchoClient = Client<typeof EchoServiceDefinition>

export type EchoHandlers = {
  readonly unary?: (request: Note, context: CallContext) => Promise<Note>
  readonly collect?: (requests: AsyncIterable<Note>, context: CallContext) => Promise<Note>
  readonly produce?: (request: Note, context: CallContext) => AsyncIterable<Note>
  readonly exchange?: (requests: AsyncIterable<Note>, context: CallContext) => AsyncIterable<Note>
  readonly watch?: (request: Note, context: CallContext) => AsyncIterable<Note>
}

/** Endpoints that echo unless a handler is given. */
export function echoEndpoints(
  handlers: EchoHandlers = {},
  allow: readonly string[] = ['friend'],
): { readonly [K in keyof Methods]: Endpoint<Methods[K]> } {
  const { methods } = EchoServiceDefinition
  return {
    unary: { method: methods.unary, allow, handle: handlers.unary ?? (async (request) => request) },
    collect: { method: methods.collect, allow, handle: handlers.collect ?? concatenate },
    produce: { method: methods.produce, allow, handle: handlers.produce ?? countUp },
    exchange: { method: methods.exchange, allow, handle: handlers.exchange ?? ((requests) => requests) },
    watch: { method: methods.watch, allow, handle: handlers.watch ?? countUp },
  }
}

async function concatenate(requests: AsyncIterable<Note>): Promise<Note> {
  const frames: Uint8Array[] = []
  for await (const { frame } of requests) frames.push(frame)
  return Note.create({ frame: Buffer.concat(frames), height: BigInt(frames.length) })
}

async function* countUp({ frame, height: end }: Note): AsyncGenerator<Note> {
  for (let height = 0n; height < end; height++) yield Note.create({ frame, height })
}
