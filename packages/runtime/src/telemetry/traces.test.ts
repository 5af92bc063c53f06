import { expect, test } from '@jest/globals'
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace'
import { systemClock } from '@zerog/adapters/clock/system'
import { memoryBus } from '@zerog/adapters/memory'
import fc from 'fast-check'
import { tracedBus } from './bus.ts'
import { createMetrics } from './meter.ts'
import { createTraces } from './traces.ts'
import { createTracing } from './tracing.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const parent = (span: string, trace = TRACE) => `00-${trace}-${span}-01`

function tracesWithSpans() {
  const exporter = new InMemorySpanExporter()
  return { traces: createTraces(createTracing({ exporter })), spans: () => exporter.getFinishedSpans() }
}

test('a request from outside continues the trace of its headers, and what leaves carries it on', () => {
  const { traces } = tracesWithSpans()
  const scope = traces.enter({ name: 'POST /v1/*', headers: { traceparent: parent('b7ad6b7169203331') } })
  const headers = scope.run(() => traces.headers())
  expect(headers.traceparent).toMatch(new RegExp(`^00-${TRACE}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`))
  expect(scope.run(() => traces.current())).toBe(headers.traceparent)
  scope.end()
  expect(traces.current()).toBeUndefined()
  expect(traces.headers()).toEqual({})
})

test('without a collector the trace goes on all the same: its ids, its flags and its state', () => {
  const traces = createTraces(createTracing())
  const traceparent = `00-${TRACE}-b7ad6b7169203331-00`
  const scope = traces.enter({ name: 'POST /v1/*', headers: { traceparent, tracestate: 'vendor=1' } })
  const headers = scope.run(() => traces.headers())
  expect(headers.traceparent).toMatch(new RegExp(`^00-${TRACE}-(?!b7ad6b7169203331)[0-9a-f]{16}-00$`))
  expect(headers.tracestate).toBe('vendor=1')
  scope.end()
  const fresh = () => traces.enter({ name: 'GET /', headers: {} }).run(() => traces.current())
  expect(fresh()).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  expect(fresh()?.slice(3, 35)).not.toBe(fresh()?.slice(3, 35))
})

test('whatever the headers say, a request gets a trace', () => {
  const { traces } = tracesWithSpans()
  fc.assert(
    fc.property(fc.option(fc.string()), fc.option(fc.string()), (traceparent, tracestate) => {
      const headers = { ...(traceparent === null ? {} : { traceparent }), ...(tracestate === null ? {} : { tracestate }) }
      const scope = traces.enter({ name: 'GET /', headers })
      expect(scope.run(() => traces.current())).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
      scope.end()
    }),
  )
})

test('the work of a batch belongs to the trace of its first request and is linked to all', () => {
  const { traces, spans } = tracesWithSpans()
  const other = '1'.repeat(32)
  const of = [parent('b7ad6b7169203331'), 'nonsense', parent('2222222222222222', other)]
  traces.begin({ name: 'batch', of }).end()
  const [span] = spans()
  expect(span?.spanContext().traceId).toBe(TRACE)
  expect(span?.links.map(({ context }) => context.traceId)).toEqual([TRACE, other])
  traces.begin({ name: 'batch', of: [] }).end()
  expect(spans()[1]?.spanContext().traceId).not.toBe(TRACE)
})

test('the bus says how long a message waited, and what became of it', async () => {
  const metrics = createMetrics()
  const raw = memoryBus({ clock: systemClock })
  const bus = tracedBus(raw, { tracing: createTracing(), meter: metrics.meter({ target: 't' }), clock: systemClock })
  const handled = Promise.withResolvers<void>()
  let failures = 1
  await bus.subscribe({ subject: 'zerog.test.v1.done', consumer: 'test', ackWaitMs: 20 }, async () => {
    if (failures-- > 0) throw new Error('not yet')
    handled.resolve()
  })
  await bus.publish({ id: '1', subject: 'zerog.test.v1.done', data: new Uint8Array() })
  await handled.promise
  await bus.close()
  const text = await metrics.text()
  expect(text).toContain('zerog_bus_published_total{target="t",subject="zerog.test.v1.done",outcome="ok"} 1')
  expect(text).toContain('zerog_bus_handled_total{target="t",consumer="test",outcome="failed"} 1')
  expect(text).toContain('zerog_bus_handled_total{target="t",consumer="test",outcome="ok"} 1')
  expect(text).toContain('zerog_bus_lag_seconds_count{target="t",consumer="test"} 2')
})
