import { expect, test } from '@jest/globals'
import { ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { parseToml } from './toml.ts'

test('tables, texts, numbers, flags and comments', () => {
  const text = '# head\nprofile = "a"\n[profiles.a]\nrpc_url = \'http://x\' # why\nretries = 3\nfast = true\n[profiles.b]\n'
  expect(JSON.parse(JSON.stringify(parseToml(text, 'f')))).toEqual({
    profile: 'a',
    profiles: { a: { rpc_url: 'http://x', retries: 3, fast: true }, b: {} },
  })
})

test.each(['a = [1]', 'a = ', '[a', 'a.b = 1', 'a = "x\\n"', 'a = 1\n[a.b]'])('%j is refused with file and line', (text) => {
  expect(() => parseToml(text, 'file.toml')).toThrow(/^file\.toml:\d: /)
})

test('no text makes it throw anything else, or reach a prototype', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.constant('[__proto__]\nx = 1'), fc.constant('__proto__ = 1')), (text) => {
      try {
        parseToml(text, 'f')
      } catch (error) {
        expect(error).toBeInstanceOf(ZerogError)
      }
      expect(({} as Record<string, unknown>).x).toBeUndefined()
    }),
  )
})
