import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  addPart,
  bundleBytes,
  createPacker,
  ENTRY_BYTES,
  LIST_BYTES,
  type Load,
  nextFlushMs,
  type PackLimits,
  partBytesMax,
  partLengths,
  takeBatches,
} from './packer.ts'

const limits: PackLimits = { flushBytes: 1000, bundleBytesMax: 2000, partsMax: 10, flushMs: 100, idleMs: 5 }
const part = (blobId: string, lengthBytes: number) => ({ blobId, part: 0, lengthBytes })

describe('the packer', () => {
  test('closes a bundle at its size, after its time, or when nothing else happens', () => {
    const packer = createPacker()
    addPart(packer, { part: part('a', 400), retentionSeconds: 60, nowMs: 0 }, limits)
    expect(nextFlushMs(packer, { load: 'some' }, limits)).toBe(100)
    expect(nextFlushMs(packer, { load: 'idle' }, limits)).toBe(5)
    expect(takeBatches(packer, { nowMs: 4, load: 'idle' }, limits)).toEqual([])
    expect(takeBatches(packer, { nowMs: 5, load: 'idle' }, limits)).toMatchObject([{ reason: 'idle' }])
    addPart(packer, { part: part('b', 400), retentionSeconds: 60, nowMs: 10 }, limits)
    expect(takeBatches(packer, { nowMs: 109, load: 'some' }, limits)).toEqual([])
    expect(takeBatches(packer, { nowMs: 110, load: 'some' }, limits)).toMatchObject([{ reason: 'time' }])
    addPart(packer, { part: part('c', 1000 - LIST_BYTES - ENTRY_BYTES), retentionSeconds: 60, nowMs: 200 }, limits)
    expect(takeBatches(packer, { nowMs: 200, load: 'some' }, limits)).toMatchObject([{ reason: 'size' }])
    addPart(packer, { part: part('d', 1), retentionSeconds: 60, nowMs: 300 }, limits)
    expect(takeBatches(packer, { nowMs: 300, load: 'some', draining: true }, limits)).toMatchObject([{ reason: 'drain' }])
    expect(nextFlushMs(packer, { load: 'idle' }, limits)).toBeUndefined()
    addPart(packer, { part: part('e', 1), retentionSeconds: 60, nowMs: 400 }, limits)
    expect(takeBatches(packer, { nowMs: 899, load: 'busy' }, limits)).toEqual([])
    expect(takeBatches(packer, { nowMs: 900, load: 'busy' }, limits)).toMatchObject([{ reason: 'time' }])
  })

  test('puts every part into exactly one bundle, in order, within the limits and with its own term', () => {
    const anyPart = fc.record({
      lengthBytes: fc.integer({ min: 1, max: partBytesMax(2000) }),
      retentionSeconds: fc.constantFrom(60, 3600),
      pauseMs: fc.integer({ min: 0, max: 60 }),
    })
    fc.assert(
      fc.property(fc.array(anyPart, { maxLength: 60 }), fc.constantFrom<Load>('idle', 'some', 'busy'), (given, load) => {
        const packer = createPacker()
        let nowMs = 0
        const batches = []
        for (const [index, { lengthBytes, retentionSeconds, pauseMs }] of given.entries()) {
          nowMs += pauseMs
          addPart(packer, { part: part(String(index), lengthBytes), retentionSeconds, nowMs }, limits)
          batches.push(...takeBatches(packer, { nowMs, load }, limits))
        }
        batches.push(...takeBatches(packer, { nowMs, load, draining: true }, limits))
        for (const retentionSeconds of [60, 3600]) {
          const packed = batches
            .filter((batch) => batch.retentionSeconds === retentionSeconds)
            .flatMap(({ parts }) => parts.map(({ blobId }) => Number(blobId)))
          expect(packed).toEqual(given.flatMap((one, index) => (one.retentionSeconds === retentionSeconds ? [index] : [])))
        }
        for (const { parts } of batches) {
          expect(bundleBytes(parts)).toBeLessThanOrEqual(limits.bundleBytesMax)
          expect(parts.length).toBeLessThanOrEqual(limits.partsMax)
        }
      }),
    )
  })

  test('cuts a large blob into parts that fit and are equal to a byte', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), (sizeBytes) => {
        const lengths = partLengths(sizeBytes, 2000)
        expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(sizeBytes)
        expect(Math.max(...lengths)).toBeLessThanOrEqual(partBytesMax(2000))
        expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1)
        expect(lengths.length).toBe(Math.ceil(sizeBytes / partBytesMax(2000)))
      }),
    )
  })
})
