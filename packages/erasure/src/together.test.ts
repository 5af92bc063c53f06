import { expect, it } from '@jest/globals'
import { equalBytes } from '@zerog/primitives'
import fc from 'fast-check'
import { encodePayload } from './encode.ts'
import { plainEngine } from './engines.ts'
import { layHeader } from './payload.ts'
import { type Layout, rowBytesFor } from './shape.ts'
import { bytesOf } from './testing.ts'
import { CONTROL_WORDS, type CodingSpace, encodeTogether } from './together.ts'

function spaceOf({ k, n, rowBytes }: Layout, payload: Uint8Array): CodingSpace {
  const rows = new Uint8Array((k + n) * rowBytes).fill(0xa5)
  rows.set(payload, 5)
  layHeader(rows.subarray(0, k * rowBytes), payload.length)
  return { rows, nodes: new Uint8Array((k + n) * 64), rlc: new Uint8Array(k * 16), control: new Int32Array(CONTROL_WORDS) }
}

it('one thread alone gives what encodePayload gives, by both engines', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 60_000 }), fc.nat(), (log, bytes, seed) => {
      const k = 2 ** log
      const layout = { k, n: 3 * k, rowBytes: rowBytesFor(bytes, k) }
      fc.pre(layout.rowBytes <= 32_768 && (k + 3 * k) * layout.rowBytes <= 2 ** 20)
      const payload = bytesOf(bytes, seed)
      const expected = encodePayload(payload, layout)
      for (const engine of [undefined, ...(k <= 16 ? [plainEngine] : [])]) {
        const space = spaceOf(layout, payload)
        const { commitment, rowRoot } = encodeTogether(space, layout, engine)
        expect(equalBytes(commitment, expected.commitment)).toBe(true)
        expect(equalBytes(rowRoot, expected.rowRoot)).toBe(true)
        expect(equalBytes(space.rlc, expected.rlc)).toBe(true)
        expect(equalBytes(space.nodes.subarray(32), expected.rowNodes.subarray(32))).toBe(true)
        expect(equalBytes(space.rows.subarray(-layout.rowBytes), expected.row(4 * k - 1))).toBe(true)
      }
    }),
    { numRuns: 60 },
  )
})

it('who comes when all is done gets the same result', () => {
  const layout = { k: 64, n: 192, rowBytes: 3072 }
  const space = spaceOf(layout, bytesOf(64 * 3072 - 5, 1))
  const first = encodeTogether(space, layout)
  expect(encodeTogether(space, layout)).toEqual(first)
})

it('who finds that another one failed does not wait', () => {
  const layout = { k: 4, n: 12, rowBytes: 2048 }
  const space = spaceOf(layout, bytesOf(8000, 1))
  const throwing = {
    ...plainEngine,
    combine() {
      throw new Error('no memory')
    },
  }
  expect(() => encodeTogether(space, layout, throwing)).toThrow('no memory')
  expect(() => encodeTogether(space, layout)).toThrow('another thread failed')
})
