import { expect, test } from '@jest/globals'
import { memoryKv } from '@zerog/adapters'
import { guardedKv } from './guarded-kv.ts'

test('a walk over a table that is left early lets go of what the store keeps open for it', () => {
  const kv = memoryKv()
  kv.write([1, 2, 3].map((number) => ({ table: 'block', key: Uint8Array.of(number), value: Uint8Array.of(number) })))
  let open = 0
  const counted = {
    ...kv,
    range: function* (...given: Parameters<typeof kv.range>) {
      open += 1
      try {
        yield* kv.range(...given)
      } finally {
        open -= 1
      }
    },
  }
  const guarded = guardedKv(counted, () => undefined)
  for (const _first of guarded.range('block')) break
  const [second] = guarded.range('block')
  expect(second?.[0]).toEqual(Uint8Array.of(1))
  expect([...guarded.range('block')]).toHaveLength(3)
  expect(open).toBe(0)
})
