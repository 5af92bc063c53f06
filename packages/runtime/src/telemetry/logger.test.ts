import { describe, expect, test } from '@jest/globals'
import { SpanKind } from '@opentelemetry/api'
import { ZerogError } from '@zerog/primitives'
import { createLogging } from './logger.ts'
import { createTracing, startScope } from './tracing.ts'

function capture(pretty = false) {
  const lines: string[] = []
  const { logger } = createLogging({ sink: { write: (line) => void lines.push(line) }, pretty })
  return { lines, logger, last: () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown> }
}

describe('a log line', () => {
  test('is one JSON object with time, level, event and fields', () => {
    const { logger, last } = capture()
    logger('info', { target: 'gateway' })
      .child({ instance: 1 })
      .info('block_final', { height: 12n, hash: new Uint8Array([1, 255]), nothing: undefined })
    expect(last()).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      level: 'info',
      target: 'gateway',
      instance: 1,
      event: 'block_final',
      height: '12',
      hash: '0x01ff',
    })
  })

  test('is left out below the level', () => {
    const { logger, lines } = capture()
    logger('warn').info('quiet')
    expect(lines).toEqual([])
  })

  test('carries trace and request of the work around it', () => {
    const { logger, last } = capture()
    const scope = startScope(createTracing(), { name: 'x', kind: SpanKind.INTERNAL, requestId: 'r-1' })
    scope.run(() => logger('info').info('inside'))
    expect(last()).toMatchObject({
      trace_id: scope.span.spanContext().traceId,
      span_id: scope.span.spanContext().spanId,
      request_id: 'r-1',
    })
    logger('info').info('outside')
    expect(last()).not.toHaveProperty('trace_id')
  })

  test('hides secrets by name and by form', () => {
    const { logger, lines } = capture()
    logger('info', { apiKey: 'k-hush' }).info('config', {
      password: 'hush',
      privateKey: '0xhush',
      nested: { accessToken: 'hush', headers: { Authorization: 'hush' } },
      list: [{ mnemonic: 'hush hush' }],
      url: 'postgresql://zerog:hush@db:5432/zerog',
      header: 'sent Bearer hush.hush-hush',
      pem: '-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----',
      error: new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'no redis://:hush@cache', metadata: { token: 'hush' } }),
      key: '0x01',
    })
    expect(lines.join()).not.toContain('hush')
    expect(lines.join()).toContain('"key":"0x01"')
  })

  test('shows an error with reason and causes, and stays bounded', () => {
    const { logger, last, lines } = capture()
    const cause = new Error('disk')
    const error = new ZerogError('RECORD_CORRUPT', { message: 'x'.repeat(10_000), cause })
    const loop: Record<string, unknown> = {}
    loop.self = loop
    logger('info').error('failed', { error, bytes: new Uint8Array(1_000), many: Array(1_000).fill('x'), loop })
    expect(last().error).toMatchObject({ reason: 'RECORD_CORRUPT', cause: { message: 'disk' } })
    expect(lines[0]?.length).toBeLessThan(16_000)
    expect(last().bytes).toMatch(/… \(1000 bytes\)$/)
  })

  test('is one line of text on a terminal', () => {
    const { logger, lines } = capture(true)
    logger('info', { target: 'gateway' }).warn('peer_slow', { error: new Error('two\nlines'), delayMs: 5 })
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} warn {2}gateway +peer_slow delayMs=5 error=Error two lines\n$/)
  })
})
