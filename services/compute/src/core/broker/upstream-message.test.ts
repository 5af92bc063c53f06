import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { mergeDeltas, readDelta } from './upstream-message.ts'

test('streamed tool calls become the calls of one message', () => {
  const call = (index: number, fields: Record<string, unknown>) => ({ tool_calls: [{ index, ...fields }] })
  const merged = mergeDeltas([
    { role: 'assistant', content: 'ignored' },
    call(0, { id: 'a', type: 'function', function: { name: 'add', arguments: '{"x"' } }),
    call(1, { id: 'b', type: 'function', function: { name: 'sub', arguments: '' } }),
    call(0, { id: 'a', function: { arguments: ':1}' } }),
    call(1, { function: { arguments: '{}' } }),
  ])
  expect(JSON.parse(JSON.stringify(merged))).toEqual({
    tool_calls: [
      { id: 'a', type: 'function', function: { name: 'add', arguments: '{"x":1}' } },
      { id: 'b', type: 'function', function: { name: 'sub', arguments: '{}' } },
    ],
  })
})

test('text and role of a delta are not passed on twice', () => {
  expect(readDelta('{"role":"assistant","content":"x","refusal":"no"}')).toEqual({ refusal: 'no' })
  for (const text of ['', '[]', '1', 'null', '{']) expect(readDelta(text)).toBeUndefined()
})

test('no delta of an upstream, however formed, throws or reaches a prototype', () => {
  fc.assert(
    fc.property(fc.array(fc.json({ maxDepth: 4 }).map(readDelta), { maxLength: 6 }), (deltas) => {
      mergeDeltas(deltas.filter((delta) => delta !== undefined))
    }),
    { numRuns: 300 },
  )
  mergeDeltas([JSON.parse('{"__proto__":{"polluted":true}}'), JSON.parse('{"__proto__":{"polluted":true}}')])
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
})
