import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  defaultTextMapGetter,
  defaultTextMapSetter,
  isSpanContextValid,
  type Link,
  type Span,
  type SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  RandomIdGenerator,
  SimpleSpanProcessor,
  type SpanExporter,
  TracerProvider,
} from '@opentelemetry/sdk-trace'

const REQUEST_ID = createContextKey('zerog.requestId')
const propagator = new W3CTraceContextPropagator()

export type Headers = Record<string, string>

/** Traces of one process. Without an exporter spans still get ids, so every log line and every error can name its trace. */
export type Tracing = {
  readonly tracer: Pick<Tracer, 'startSpan'>
  /** Ends the batch now; used at shutdown. */
  readonly flush: () => Promise<void>
  readonly stop: () => Promise<void>
}

export function createTracing(
  options: {
    /** OTLP over HTTP, e.g. `http://collector:4318`. */
    readonly endpoint?: string | undefined
    /** Every span at once, for tests. */
    readonly exporter?: SpanExporter
    readonly attributes?: Attributes
  } = {},
): Tracing {
  useAsyncContext()
  if (options.endpoint === undefined && options.exporter === undefined)
    return { tracer: idsOnly(), flush: nothing, stop: nothing }
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.namespace': 'zerog', 'service.name': 'zerog', ...options.attributes }),
    spanProcessors: [
      ...(options.exporter === undefined ? [] : [new SimpleSpanProcessor({ exporter: options.exporter })]),
      ...(options.endpoint === undefined ? [] : [new BatchSpanProcessor({ exporter: otlpExporter(options.endpoint) })]),
    ],
  })
  return { tracer: provider.getTracer('zerog'), flush: () => provider.forceFlush(), stop: () => provider.shutdown() }
}

/** What nobody collects has ids for log lines and for whoever is called, and nothing else: a third of the time that a span takes. */
function idsOnly(): Tracing['tracer'] {
  const ids = new RandomIdGenerator()
  return {
    startSpan(_name, _options, parent = context.active()) {
      const known = trace.getSpanContext(parent)
      const of = known !== undefined && isSpanContextValid(known) ? known : undefined
      return trace.wrapSpanContext({
        traceId: of?.traceId ?? ids.generateTraceId(),
        spanId: ids.generateSpanId(),
        traceFlags: of?.traceFlags ?? TraceFlags.SAMPLED,
        ...(of?.traceState === undefined ? {} : { traceState: of.traceState }),
      })
    },
  }
}

async function nothing(): Promise<void> {}

/** Writes `traceparent` (and `tracestate`) of the active span into `headers`. */
export function injectTrace(headers: Headers): Headers {
  propagator.inject(context.active(), headers, defaultTextMapSetter)
  return headers
}

/** The caller's trace; unreadable headers give a new trace, never an error. */
export function extractTrace(headers: Readonly<Headers>): Context {
  return propagator.extract(context.active(), headers, defaultTextMapGetter)
}

export type Scope = { readonly span: Span; readonly run: <T>(work: () => T) => T; readonly end: (error?: unknown) => void }

/** A span and the context in which its work must run. `end` exactly once. */
export function startScope(
  tracing: Tracing,
  options: {
    readonly name: string
    readonly kind: SpanKind
    readonly parent?: Context
    readonly attributes?: Attributes
    readonly requestId?: string
    readonly links?: readonly Link[]
  },
): Scope {
  const parent = options.parent ?? context.active()
  const span = tracing.tracer.startSpan(
    options.name,
    {
      kind: options.kind,
      ...(options.attributes === undefined ? {} : { attributes: options.attributes }),
      ...(options.links === undefined ? {} : { links: [...options.links] }),
    },
    parent,
  )
  let inner = trace.setSpan(parent, span)
  if (options.requestId !== undefined) inner = inner.setValue(REQUEST_ID, options.requestId)
  return {
    span,
    run: (work) => context.with(inner, work),
    end(error) {
      if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: reasonOf(error) })
      span.end()
    },
  }
}

/** Trace, span and request id of the running work, for log lines; empty outside of any. */
export function currentIds(): { readonly traceId?: string; readonly spanId?: string; readonly requestId?: string } {
  const active = context.active()
  const span = trace.getSpan(active)?.spanContext()
  const requestId = active.getValue(REQUEST_ID) as string | undefined // only startScope sets this key, to a string
  return {
    ...(span === undefined ? {} : { traceId: span.traceId, spanId: span.spanId }),
    ...(requestId === undefined ? {} : { requestId }),
  }
}

/** Runs outside of every trace, e.g. a background loop that a request happened to start. */
export function detached<T>(work: () => T): T {
  return context.with(trace.deleteSpan(context.active()).deleteValue(REQUEST_ID), work)
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'reason' in error ? String(error.reason) : 'INTERNAL'
}

/** Its code is loaded with the first batch: a process without a collector does not pay for it. */
function otlpExporter(endpoint: string): SpanExporter {
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`
  let loading: Promise<SpanExporter> | undefined
  const open = () => {
    loading ??= import('@opentelemetry/exporter-trace-otlp-http').then(({ OTLPTraceExporter }) => new OTLPTraceExporter({ url }))
    return loading
  }
  return {
    export: (spans, done) =>
      void open().then(
        (exporter) => exporter.export(spans, done),
        (error: Error) => done({ code: ExportResultCode.FAILED, error }),
      ),
    forceFlush: async () => (await loading)?.forceFlush?.(),
    shutdown: async () => (await loading)?.shutdown(),
  }
}

let contextManager: AsyncLocalStorageContextManager | undefined

/** The context manager is global to the process by OpenTelemetry's design; the tracer providers are not. */
function useAsyncContext(): void {
  if (contextManager !== undefined) return
  contextManager = new AsyncLocalStorageContextManager()
  context.setGlobalContextManager(contextManager)
}
