import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { rawIds } from './raw-ids.ts'

describe('rawIds', () => {
  test.each([
    ['{"id":1}', ['1']],
    ['{"id":0.12345678901234567,"method":"x"}', ['0.12345678901234567']],
    [' { "method" : "x" , "id" : 12345678901234567890 } ', ['12345678901234567890']],
    ['{"id":1.0e+02}', ['1.0e+02']],
    ['{"id":"\\u0041\\"}"}', ['"\\u0041\\"}"']],
    ['{"id":null}', ['null']],
    ['{"params":[{"id":7}],"id":8}', ['8']],
    ['{"id":1,"id":2}', ['2']],
    ['{"\\u0069d":3}', ['3']],
    ['{"id":{"a":[1,"]"]}}', ['{"a":[1,"]"]}']],
    ['{"params":"\\\\","id":4}', ['4']],
    ['[]', []],
    ['[{"id":1},5,"x",[{"id":9}],{"method":"m"},{"id":"z"}]', ['1', undefined, undefined, undefined, undefined, '"z"']],
    ['17', [undefined]],
  ])('%s', (text, ids) => expect(rawIds(text)).toEqual(ids))

  test('whatever surrounds an id, it is found as JSON.parse finds it', () => {
    const request = fc.record({ id: fc.jsonValue(), params: fc.jsonValue(), extra: fc.jsonValue() }, { requiredKeys: [] })
    fc.assert(
      fc.property(fc.array(fc.oneof(request, fc.jsonValue()), { maxLength: 5 }), fc.nat(3), (items, indent) => {
        const found = rawIds(JSON.stringify(items, null, indent))
        const wanted = items.map((item) =>
          typeof item === 'object' && item !== null && !Array.isArray(item) && 'id' in item ? item.id : undefined,
        )
        // JSON.parse turns -0 into -0 and JSON.stringify that into 0, so values are compared as text.
        expect(found.map((id) => (id === undefined ? undefined : JSON.stringify(JSON.parse(id))))).toEqual(
          wanted.map((id) => (id === undefined ? undefined : JSON.stringify(id))),
        )
      }),
    )
  })

  test('a megabyte of quotes and backslashes takes linear time', () => {
    const text = JSON.stringify({ params: ['\\"'.repeat(300_000)], id: 5 })
    expect(rawIds(text)).toEqual(['5'])
  })
})
