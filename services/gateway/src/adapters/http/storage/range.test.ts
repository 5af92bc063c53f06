import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseRange } from './range.ts'

describe('a Range header', () => {
  test('selects what RFC 9110 says', () => {
    expect(parseRange('bytes=0-0', 10)).toEqual({ offset: 0, length: 1 })
    expect(parseRange('bytes=2-', 10)).toEqual({ offset: 2, length: 8 })
    expect(parseRange('bytes=-3', 10)).toEqual({ offset: 7, length: 3 })
    expect(parseRange('bytes=-30', 10)).toEqual({ offset: 0, length: 10 })
    expect(parseRange('bytes=5-100', 10)).toEqual({ offset: 5, length: 5 })
    expect(parseRange('bytes=10-', 10)).toBe('unsatisfiable')
    expect(parseRange('bytes=-0', 10)).toBe('unsatisfiable')
    for (const header of [undefined, '', 'bytes=', 'bytes=-', 'bytes=5-2', 'lines=1-2', 'bytes=0-1,3-4', 'bytes=a-b']) {
      expect(parseRange(header, 10)).toBe('whole')
    }
  })

  test('never reaches outside of the file', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), fc.nat(), fc.nat(), fc.integer({ min: 1, max: 1000 }), (text, from, to, size) => {
        for (const header of [text, `bytes=${from}-${to}`, `bytes=${from}-`, `bytes=-${to}`]) {
          const range = parseRange(header, size)
          if (typeof range === 'string') continue
          expect(range.length).toBeGreaterThan(0)
          expect(range.offset + range.length).toBeLessThanOrEqual(size)
        }
      }),
    )
  })
})
