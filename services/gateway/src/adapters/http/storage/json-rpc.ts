import type { Logger } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import { FaceError, toFaceError } from './face-error.ts'
import { type Call, parseBody } from './json-body.ts'
import { STORAGE_LIMITS } from './limits.ts'
import type { Method, MethodContext } from './node-methods.ts'

export type StorageJsonRpc = {
  /** Whether this face owns the method. */
  handles(method: string): boolean
  /** Answers one HTTP body. 503 where the only call failed for a reason that passes: 0G's clients try the transport again. */
  execute(body: Uint8Array, context: MethodContext): Promise<{ readonly status: number; readonly text: string }>
}

type Answer = { readonly json: unknown; readonly passing: boolean }

export function storageJsonRpc(deps: {
  readonly methods: Readonly<Record<string, Method>>
  readonly logger: Logger
}): StorageJsonRpc {
  const methods = new Map(Object.entries(deps.methods))

  async function answer(call: Call, context: MethodContext): Promise<Answer | undefined> {
    try {
      if (call.malformed) throw new FaceError(-32600, 'Invalid request')
      const method = methods.get(call.method)
      if (method === undefined) throw new FaceError(-32601, 'Method not found')
      const result = await method(call.params, context)
      return call.id === undefined ? undefined : { json: { jsonrpc: '2.0', result: result ?? null, id: call.id }, passing: false }
    } catch (error) {
      if (context.signal.aborted) throw error
      const face = toFaceError(error)
      if (face.code === -32603 && face.data === undefined) {
        deps.logger.error('storage_call_failed', { method: call.method, error: String(error) })
      }
      if (call.id === undefined) return undefined
      const { code, message, data } = face
      const passing = error instanceof ZerogError && error.status === 'UNAVAILABLE' && !call.method.startsWith('zgs_upload')
      return { json: { jsonrpc: '2.0', error: { code, message, ...(data === undefined ? {} : { data }) }, id: call.id }, passing }
    }
  }

  return {
    handles: (method) => methods.has(method),
    async execute(body, context) {
      const parsed = parseBody(body)
      if (parsed === undefined) return failure(-32700, 'Parse error')
      const { calls, batch } = parsed
      if (calls.length === 0) return failure(-32600, 'Invalid request')
      if (calls.length > STORAGE_LIMITS.batchCallsMax)
        return failure(-32600, `at most ${STORAGE_LIMITS.batchCallsMax} calls per batch`)
      const answers: (Answer | undefined)[] = []
      for (let at = 0; at < calls.length; at += STORAGE_LIMITS.batchCallsAtOnce) {
        const some = calls.slice(at, at + STORAGE_LIMITS.batchCallsAtOnce)
        answers.push(...(await Promise.all(some.map((call) => answer(call, context)))))
      }
      const present = answers.filter((entry) => entry !== undefined)
      if (present.length === 0) return { status: 200, text: '' }
      if (batch) return { status: 200, text: JSON.stringify(present.map((entry) => entry.json)) }
      const only = present[0] as Answer // one call, one answer
      return { status: only.passing ? 503 : 200, text: JSON.stringify(only.json) }
    },
  }
}

function failure(code: number, message: string) {
  return { status: 200, text: JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id: null }) }
}
