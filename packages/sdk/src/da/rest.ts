import { ZerogError } from '@zerog/primitives'
import type { Context } from '../client.ts'
import type { RestRequest } from '../transport/transport.ts'

export type Waiting = { readonly signal?: AbortSignal; readonly timeoutMs?: number }

/** A request to the DA face of the gateway. `path` is below it. */
export async function askDa(context: Context, request: RestRequest, waiting: Waiting = {}): Promise<Response> {
  const { rest } = context.transport
  if (rest === undefined) {
    throw new ZerogError('DEPENDENCY_UNAVAILABLE', {
      message: 'this network has no data availability: its transport has no REST faces',
    })
  }
  return rest({ ...request, path: `/da/v1${request.path}` }, waiting)
}

/** The JSON of an answer, whose form the gateway of the same version guarantees. */
export async function jsonOf<Answer>(answer: Promise<Response>): Promise<Answer> {
  return (await (await answer).json()) as Answer
}

/** The body of an answer in one piece. */
export async function bytesOf(answer: Promise<Response>): Promise<Uint8Array> {
  return new Uint8Array(await (await answer).arrayBuffer())
}
