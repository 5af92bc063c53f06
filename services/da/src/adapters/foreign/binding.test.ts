import { expect, test } from '@jest/globals'
import { toHex } from '@zerog/primitives'
import fc from 'fast-check'
import { bindingMessage, bindingName, bindingOf } from './binding.ts'
import { placeOf } from './socket.ts'

const signature = fc.uint8Array({ minLength: 96, maxLength: 96 })

test('a binding in a certificate is read as it was written, and any change of its message is another message', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 10n ** 15n - 1n), signature, (expirySeconds, bytes) => {
      expect(bindingOf(`URI:${bindingName({ expirySeconds, signature: bytes })}`)).toEqual({ expirySeconds, signature: bytes })
    }),
  )
  const given = { chainId: 1n, expirySeconds: 2n, publicKey: Uint8Array.of(3) }
  const others = [
    { ...given, chainId: 2n },
    { ...given, expirySeconds: 3n },
    { ...given, publicKey: Uint8Array.of(4) },
  ]
  expect(new Set([given, ...others].map((each) => toHex(bindingMessage(each)))).size).toBe(4)
})

test('whatever else a certificate is named, it binds nobody', () => {
  const right = `URI:${bindingName({ expirySeconds: 5n, signature: new Uint8Array(96) })}`
  for (const name of [
    undefined,
    '',
    `${right}, DNS:a`,
    `DNS:a, ${right}`,
    right.slice(0, -1),
    `${right}0`,
    right.replace(':5:', ':-5:'),
  ]) {
    expect(bindingOf(name)).toBeUndefined()
  }
  fc.assert(fc.property(fc.string(), (name) => bindingOf(name) === undefined))
})

test('a socket is an ordinal or host:port, and nothing else leads anywhere', () => {
  expect(placeOf('12')).toEqual({ kind: 'instance', instance: 12 })
  expect(placeOf('da.example.org:7443')).toEqual({
    kind: 'address',
    host: 'da.example.org',
    port: 7443,
    text: 'da.example.org:7443',
  })
  expect(placeOf('[2001:db8::1]:7443')).toMatchObject({ host: '[2001:db8::1]', port: 7443 })
  for (const socket of [
    '',
    ':1',
    'a:0',
    'a:65536',
    'a',
    'http://a:1',
    'a:1/x',
    'a b:1',
    'a:1\n',
    '12345',
    '-a:1',
    'a@b:1',
    '[::1]',
  ]) {
    expect([socket, placeOf(socket)]).toEqual([socket, undefined])
  }
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (socket) => {
      const place = placeOf(socket)
      if (place?.kind === 'address') expect(`${place.host}:${place.port}`).toBe(socket)
    }),
  )
})
