import { describe, expect, test } from '@jest/globals'
import { natsAddress } from './nats-address.ts'

describe('the address of NATS', () => {
  test('is taken apart from user, password or token', () => {
    expect(natsAddress(['nats://a:4222', 'b:4222'])).toEqual({ servers: ['nats://a:4222', 'nats://b:4222'] })
    expect(natsAddress(['nats://zerog:p%40ss@a:4222'])).toEqual({ servers: ['nats://a:4222'], user: 'zerog', pass: 'p@ss' })
    expect(natsAddress(['tls://secret@a:4222', 'tls://b'])).toEqual({ servers: ['tls://a:4222', 'tls://b'], token: 'secret' })
  })

  test('is refused without a host, and the refusal keeps the secret', () => {
    for (const url of ['nats://', 'nats://user:secret@', 'http://%', '']) {
      expect(() => natsAddress([url])).toThrow('no host')
      expect(() => natsAddress([url])).not.toThrow('secret')
    }
  })
})
