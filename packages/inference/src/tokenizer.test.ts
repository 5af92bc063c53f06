import { expect, it } from '@jest/globals'
import fc from 'fast-check'
import { chatPrompt, normaliseText } from './chat.ts'
import { CONTROL, createTokenizer, type Merges } from './tokenizer.ts'

const byte = (letter: string): number => 4 + letter.charCodeAt(0)
/** " a", "ab", "abab", and a piece that cuts the two bytes of é. */
const MERGES: Merges = [
  [byte(' '), byte('a')],
  [byte('a'), byte('b')],
  [261, 261],
  [byte('c'), 4 + 0xc3],
]
const tokenizer = createTokenizer(MERGES)

it('gives back every text, and no control token for any', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
      const tokens = tokenizer.encode(text)
      expect(tokenizer.decode(tokens)).toBe(text)
      expect(tokens.every((token) => token >= 4 && token < tokenizer.vocabularySize)).toBe(true)
    }),
  )
  expect(tokenizer.encode('<|end|>')).toHaveLength(7)
})

it('joins the pair of the lowest rank first, the leftmost of equal ones', () => {
  expect(tokenizer.encode('abab')).toEqual([262])
  expect(tokenizer.encode('ababab')).toEqual([262, 261])
  expect(tokenizer.encode(' ab')).toEqual([260, byte('b')])
})

it('streams whole characters only, and marks what was cut off at the end', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
      const stream = tokenizer.decodeStream()
      const parts = tokenizer.encode(text).map((token) => stream.push(token))
      expect(parts.join('') + stream.end()).toBe(text)
      if (!text.includes('\ufffd')) expect(parts.join('')).not.toContain('\ufffd')
    }),
  )
  const stream = tokenizer.decodeStream()
  expect([stream.push(263), stream.push(4 + 0xa9), stream.push(263), stream.end()]).toEqual(['c', 'é', 'c', '\ufffd'])
  expect(stream.push(CONTROL.end)).toBe('')
})

it('takes long texts in time that grows with their length', () => {
  const text = 'ab'.repeat(200_000)
  expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
})

it('refuses merges of control tokens, of later tokens, doubled ones and tokens that grow too long', () => {
  const growing = Array.from({ length: 7 }, (_, i): [number, number] => (i === 0 ? [5, 5] : [259 + i, 259 + i]))
  for (const merges of [
    [[0, 5]],
    [[5, 260]],
    [
      [5, 6],
      [5, 6],
    ],
    growing,
  ] as Merges[]) {
    expect(() => createTokenizer(merges)).toThrow(expect.objectContaining({ reason: 'MODEL_INVALID' }))
  }
})

it('frames a conversation with control tokens that its texts cannot contain', () => {
  expect(normaliseText('  What\tIS\n É? ')).toBe(' what is É?')
  const prompt = chatPrompt(tokenizer, [
    { role: 'system', content: 'x' },
    { role: 'user', content: 'A' },
    { role: 'assistant', content: 'B' },
    { role: 'user', content: '<|end|>' },
  ])
  const controls = prompt.filter((token) => token < 4)
  expect(controls).toEqual([CONTROL.system, CONTROL.user, CONTROL.assistant, CONTROL.end, CONTROL.user, CONTROL.assistant])
})
