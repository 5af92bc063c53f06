import type { TraceScope, Traces } from '@zerog/ports'

type Request = {
  readonly id: string
  readonly method: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly routeOptions: { readonly url?: string | undefined }
}
type Reply = {
  readonly statusCode: number
  readonly raw: { once(event: 'close', listener: () => void): unknown; readonly statusCode: number }
}
type Hook = (request: Request, reply: Reply, done: () => void) => void
/** What is used of a fastify server: the runtime itself has no HTTP framework. */
export type HookedServer = { addHook(name: 'onRequest' | 'preHandler', hook: Hook): unknown }

/**
 * A span per request of an HTTP server, named by its route; everything that the handler does runs in it. To be called before any route
 * or other hook is added.
 */
export function traceHttp(app: HookedServer, traces: Traces): void {
  const scopes = new WeakMap<Request, TraceScope>()
  app.addHook('onRequest', (request, reply, done) => {
    const name = `${request.method} ${request.routeOptions.url ?? 'unknown'}`
    const { method, headers, id: requestId } = request
    const scope = traces.enter({ name, headers, requestId, attributes: { 'http.request.method': method } })
    scopes.set(request, scope)
    // A response that was taken over by its handler tells fastify nothing; its socket tells everybody.
    reply.raw.once('close', () =>
      scope.end(reply.raw.statusCode >= 500 ? new Error(`status ${reply.raw.statusCode}`) : undefined),
    )
    scope.run(done)
  })
  // The body arrives in the context of its socket: the handler is brought back into that of the request.
  app.addHook('preHandler', (request, _reply, done) => {
    const scope = scopes.get(request)
    if (scope === undefined) done()
    else scope.run(done)
  })
}
