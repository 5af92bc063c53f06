import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { eventStreamReader } from './event-stream.ts'

const encode = (text: string) => new TextEncoder().encode(text)

test('events come out the same wherever the bytes are cut', () => {
  const event = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !/[\r\n]/.test(text))
  const lineEnd = fc.constantFrom('\n', '\r\n')
  fc.assert(
    fc.property(fc.array(fc.tuple(event, lineEnd), { maxLength: 8 }), fc.array(fc.nat(200)), (events, cuts) => {
      const bytes = encode(events.map(([data, end]) => `: note${end}event: x${end}data: ${data}${end}${end}`).join(''))
      const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
      const reader = eventStreamReader()
      const read = places.slice(1).flatMap((place, index) => reader.push(bytes.subarray(places[index], place)))
      expect(read).toEqual(events.map(([data]) => data))
      expect(reader.finished()).toBe(true)
    }),
  )
})

test('several data lines are one event, and a cut event is known as cut', () => {
  const reader = eventStreamReader()
  expect(reader.push(encode('data:a\ndata: b\n\ndata: [DONE]'))).toEqual(['a\nb'])
  expect(reader.finished()).toBe(false)
  expect(reader.push(encode('\n\n'))).toEqual(['[DONE]'])
  expect(reader.finished()).toBe(true)
})

test('an endless line or event is refused, not kept', () => {
  const line = eventStreamReader(100)
  expect(() => {
    for (let index = 0; index < 50; index++) line.push(encode('data: xxxx'))
  }).toThrow(RangeError)
  const lines = eventStreamReader(100)
  expect(() => {
    for (let index = 0; index < 50; index++) lines.push(encode('data: xxxx\n'))
  }).toThrow(RangeError)
})

test('any bytes are read without a failure', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      for (const event of eventStreamReader().push(bytes)) expect(typeof event).toBe('string')
    }),
  )
})
