import { expect, test } from '@jest/globals'
import { requireLoopback } from './listen.ts'

test('a development network is shown on loopback only', () => {
  for (const host of ['127.0.0.1', '127.0.0.2', '::1', 'localhost']) expect(() => requireLoopback({ host })).not.toThrow()
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example', 'example.org', '::ffff:10.0.0.1']) {
    expect(() => requireLoopback({ host })).toThrow('chain id of your own')
  }
})
