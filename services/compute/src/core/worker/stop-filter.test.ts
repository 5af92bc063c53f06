import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createStopFilter } from './stop-filter.ts'

test('the text before the first stop comes out, wherever the pieces are cut', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 })
  const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 6 }), stop, (pieces, only) => {
      const whole = pieces.join('')
      const at = whole.indexOf(only)
      expect(run(pieces, [only])).toEqual(at < 0 ? { text: whole, stopped: false } : { text: whole.slice(0, at), stopped: true })
    }),
    { numRuns: 500 },
  )
})

test('with several stops nothing of any of them is shown', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 })
  const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 6 }), fc.array(stop, { minLength: 1, maxLength: 4 }), (pieces, stops) => {
      const { text } = run(pieces, stops)
      expect(pieces.join('').startsWith(text)).toBe(true)
      for (const one of stops) expect(text).not.toContain(one)
    }),
    { numRuns: 500 },
  )
})

test('without stops nothing is held back', () => {
  expect(createStopFilter([]).push('a')).toEqual({ text: 'a', stopped: false })
})

function run(pieces: readonly string[], stops: readonly string[]): { text: string; stopped: boolean } {
  const filter = createStopFilter(stops)
  let text = ''
  for (const piece of pieces) {
    const out = filter.push(piece)
    text += out.text
    if (out.stopped) return { text, stopped: true }
  }
  const rest = filter.flush()
  return { text: text + rest.text, stopped: rest.stopped }
}
