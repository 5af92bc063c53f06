import { expect, test } from '@jest/globals'
import { createShelf } from './shelf.ts'

test('what is kept is taken again where it fits without much waste', () => {
  const shelf = createShelf(1000, (bytes) => new ArrayBuffer(bytes))
  const first = shelf.take(300).fill(7)
  expect(shelf.take(300).buffer).not.toBe(first.buffer)
  shelf.keep(first)
  expect(shelf.take(100).buffer).not.toBe(first.buffer)
  expect(shelf.take(301).buffer).not.toBe(first.buffer)
  const again = shelf.take(200)
  expect([again.buffer === first.buffer, again.length]).toEqual([true, 200])
})

test('no more is kept than its bound', () => {
  let made = 0
  const shelf = createShelf(1000, (bytes) => {
    made++
    return new SharedArrayBuffer(bytes)
  })
  const taken = [shelf.take(400), shelf.take(400), shelf.take(400)]
  for (const each of taken) shelf.keep(each)
  for (const _ of taken) shelf.take(400)
  expect(made).toBe(4)
})
