import { type Context, context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import type { Traces } from '@zerog/ports'
import { TRACE_LINKS_MAX } from '../limits.ts'
import { extractTrace, type Headers, injectTrace, type Scope, startScope, type Tracing } from './tracing.ts'

/** The Traces port of one target. */
export function createTraces(tracing: Tracing): Traces {
  return {
    enter({ name, headers, requestId, attributes }) {
      const given: Headers = {}
      for (const key of ['traceparent', 'tracestate']) {
        const value = headers[key]
        if (typeof value === 'string') given[key] = value
      }
      const scope = startScope(tracing, {
        name,
        kind: SpanKind.SERVER,
        parent: extractTrace(given),
        ...(attributes === undefined ? {} : { attributes }),
        ...(requestId === undefined ? {} : { requestId }),
      })
      return visible(scope)
    },
    begin({ name, of }) {
      const parents = of.slice(0, TRACE_LINKS_MAX).flatMap((traceparent) => read(traceparent) ?? [])
      const links = parents.flatMap((parent) => {
        const found = trace.getSpanContext(parent)
        return found === undefined ? [] : [{ context: found }]
      })
      return visible(startScope(tracing, { name, kind: SpanKind.INTERNAL, parent: parents[0] ?? ROOT_CONTEXT, links }))
    },
    current: () => injectTrace({}).traceparent,
    headers: () => injectTrace({}),
  }
}

function visible({ run, end }: Scope) {
  return { run, end }
}

function read(traceparent: string): Context | undefined {
  const found = context.with(ROOT_CONTEXT, () => extractTrace({ traceparent }))
  return trace.getSpanContext(found) === undefined ? undefined : found
}
