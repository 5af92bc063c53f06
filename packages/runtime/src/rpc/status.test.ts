import { describe, expect, test } from '@jest/globals'
import { REASONS, type Reason, ZerogError } from '@zerog/primitives'
import { ErrorInfo, RetryInfo } from '@zerog/proto/google/error-details'
import { Status } from '@zerog/proto/google/status'
import fc from 'fast-check'
import { STATUS_DETAILS_BYTES_MAX, STATUS_METADATA_CHARS_MAX } from '../limits.ts'
import { decodeStatus, encodeStatus, errorOfCode, GRPC_CODE, publicError } from './status.ts'

const reasons = Object.keys(REASONS) as Reason[]

describe('an error that crosses a wire', () => {
  test('keeps reason, message, metadata and delay', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 60 })
    const key = fc.stringMatching(/^[a-z][A-Za-z0-9]{0,15}$/)
    fc.assert(
      fc.property(
        fc.constantFrom(...reasons),
        text,
        fc.dictionary(key, text, { maxKeys: 8 }),
        fc.option(fc.integer({ min: 0, max: 3_600_000 }), { nil: undefined }),
        (reason, message, metadata, retryAfterMs) => {
          const sent = new ZerogError(reason, { message, metadata, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
          const got = decodeStatus(encodeStatus(sent))
          expect({ ...got, message: got?.message }).toEqual({ ...sent, message })
        },
      ),
    )
  })

  test('stays bounded; what does not fit is named, not cut', () => {
    const metadata = { small: 'x', revertData: 'f'.repeat(STATUS_METADATA_CHARS_MAX), other: 'y' }
    const bytes = encodeStatus(new ZerogError('TRANSACTION_REFUSED', { message: 'm'.repeat(100_000), metadata }))
    expect(bytes.length).toBeLessThan(STATUS_DETAILS_BYTES_MAX / 2)
    expect(decodeStatus(bytes)).toMatchObject({ metadata: { small: 'x', other: 'y', omitted: 'revertData' } })
  })

  test('of a later release, with a reason that we do not know, keeps its status', () => {
    const info = ErrorInfo.encode({ reason: 'MOON_FULL', domain: 'zerog', metadata: { phase: '4' } }).finish()
    const details = [{ typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: Buffer.from(info) }]
    const got = decodeStatus(Status.encode({ code: 14, message: 'come back', details }).finish())
    expect(got).toMatchObject({
      reason: 'DEPENDENCY_UNAVAILABLE',
      message: 'come back',
      metadata: { phase: '4', peerReason: 'MOON_FULL' },
    })
  })

  test('of another domain or without details is taken by its code', () => {
    expect(decodeStatus(Status.encode({ code: 5, message: 'x', details: [] }).finish())).toBeUndefined()
    const info = ErrorInfo.encode({ reason: 'NOT_FOUND', domain: 'example.com', metadata: {} }).finish()
    const details = [{ typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: Buffer.from(info) }]
    expect(decodeStatus(Status.encode({ code: 5, message: 'x', details }).finish())).toBeUndefined()
    expect([1, 2, 5, 14, 16, 99].map((code) => errorOfCode(code, 'x').reason)).toEqual([
      'CANCELLED',
      'INTERNAL',
      'NOT_FOUND',
      'DEPENDENCY_UNAVAILABLE',
      'UNAUTHENTICATED',
      'INTERNAL',
    ])
  })

  test('every status has the code of the gRPC specification', () => {
    for (const { status } of Object.values(REASONS)) expect(GRPC_CODE[status]).toBeGreaterThan(0)
    expect(new Set(Object.values(GRPC_CODE)).size).toBe(Object.keys(GRPC_CODE).length)
  })
})

test('only a ZerogError that is not INTERNAL keeps its words', () => {
  const shown = new ZerogError('NOT_FOUND', { message: 'no such file' })
  expect(publicError(shown, 'r-1')).toBe(shown)
  for (const hidden of [new Error('secret'), 'secret', undefined, new ZerogError('INTERNAL', { message: 'secret' })]) {
    const error = publicError(hidden, 'r-1')
    expect(error).toMatchObject({ reason: 'INTERNAL', metadata: { requestId: 'r-1' } })
    expect(decodeStatus(encodeStatus(error))?.message).not.toContain('secret')
  }
})

describe('bytes from outside', () => {
  /** Never throws, never an unknown reason, never more than the bounds. */
  function holds(bytes: Uint8Array) {
    const error = decodeStatus(bytes)
    if (error === undefined) return
    expect(reasons).toContain(error.reason)
    expect(error.message.length).toBeLessThanOrEqual(1_024)
    expect(Object.keys(error.metadata).length).toBeLessThanOrEqual(33)
    expect(error.retryAfterMs ?? 0).toBeGreaterThanOrEqual(0)
    expect(error.retryAfterMs ?? 0).toBeLessThanOrEqual(3_600_000)
  }

  test('of any kind are an error or nothing', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), holds), { numRuns: 2_000 })
    expect(decodeStatus(new Uint8Array(STATUS_DETAILS_BYTES_MAX + 1))).toBeUndefined()
  })

  test('that are almost right are an error or nothing', () => {
    const valid = encodeStatus(new ZerogError('RATE_LIMITED', { message: 'slow down', metadata: { a: 'b' }, retryAfterMs: 5 }))
    const flip = fc.record({ at: fc.nat(valid.length - 1), to: fc.nat(255) })
    const mutated = fc.tuple(fc.array(flip, { minLength: 1, maxLength: 4 }), fc.nat(valid.length)).map(([flips, length]) => {
      const bytes = valid.slice(0, length === 0 ? valid.length : length)
      for (const { at, to } of flips) bytes[at % bytes.length] = to
      return bytes
    })
    fc.assert(fc.property(mutated, holds), { numRuns: 2_000 })
  })

  test('with absurd delays are bounded', () => {
    for (const [seconds, nanos] of [
      [-5n, 0],
      [2n ** 62n, 0],
      [0n, -(2 ** 31)],
      [-(2n ** 62n), 2 ** 31 - 1],
    ] as const) {
      const info = ErrorInfo.encode({ reason: 'RATE_LIMITED', domain: 'zerog', metadata: { __proto__: 'x' } as never }).finish()
      const retry = RetryInfo.encode({ retryDelay: { seconds, nanos } }).finish()
      const details = [
        { typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: Buffer.from(info) },
        { typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value: Buffer.from(retry) },
      ]
      holds(Status.encode({ code: 8, message: '', details }).finish())
    }
  })
})
