import { expect, test } from '@jest/globals'
import { nobleBls, nobleMultisignature } from '@zerog/consensus/noble'
import { toHex, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { placeOf } from './place.ts'
import { checkTlsBinding, tlsBindingMessage, tlsBindingName, tlsBindingOf } from './tls-binding.ts'

const signature = fc.uint8Array({ minLength: 96, maxLength: 96 })

test('a binding in a certificate is read as it was written, and any change of its message is another message', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 10n ** 15n - 1n), signature, (expirySeconds, bytes) => {
      expect(tlsBindingOf(`URI:${tlsBindingName({ expirySeconds, signature: bytes })}`)).toEqual({
        expirySeconds,
        signature: bytes,
      })
    }),
  )
  const given = { chainId: 1n, expirySeconds: 2n, publicKey: Uint8Array.of(3) }
  const others = [
    { ...given, chainId: 2n },
    { ...given, expirySeconds: 3n },
    { ...given, publicKey: Uint8Array.of(4) },
  ]
  expect(new Set([given, ...others].map((each) => toHex(tlsBindingMessage(each)))).size).toBe(4)
})

test('whatever else a certificate is named, it binds nobody', () => {
  const right = `URI:${tlsBindingName({ expirySeconds: 5n, signature: new Uint8Array(96) })}`
  for (const name of [
    undefined,
    '',
    `${right}, DNS:a`,
    `DNS:a, ${right}`,
    right.slice(0, -1),
    `${right}0`,
    right.replace(':5:', ':-5:'),
  ]) {
    expect(tlsBindingOf(name)).toBeUndefined()
  }
  fc.assert(fc.property(fc.string(), (name) => tlsBindingOf(name) === undefined))
})

test('a certificate belongs to the member whose key signed for its key, on its chain, until it expires', () => {
  const secretKey = new Uint8Array(32).fill(5)
  const member = { publicKey: nobleBls.publicKey(secretKey) }
  const publicKey = Uint8Array.of(1, 2, 3)
  const nowSeconds = 1_800_000_000n
  const options = { chainId: 7n, nowSeconds, multisignature: nobleMultisignature }
  const shown = (
    expirySeconds: bigint,
    change: Partial<{ chainId: bigint; publicKey: Uint8Array; secretKey: Uint8Array }> = {},
  ) => {
    const given = { chainId: 7n, publicKey, secretKey, expirySeconds, ...change }
    const message = tlsBindingMessage(given)
    return {
      subjectAltName: `URI:${tlsBindingName({ expirySeconds, signature: nobleBls.sign(given.secretKey, message) })}`,
      publicKey,
    }
  }
  const outcome = (certificate: Parameters<typeof checkTlsBinding>[0]) => {
    try {
      return checkTlsBinding(certificate, member, options).expirySeconds
    } catch (error) {
      return error instanceof ZerogError ? `${error.reason} ${error.metadata.check}` : String(error)
    }
  }
  const day = 86_400n
  expect(outcome(shown(nowSeconds + 1n))).toBe(nowSeconds + 1n)
  expect(outcome(shown(nowSeconds + 401n * day))).toBe(nowSeconds + 401n * day)
  for (const expirySeconds of [0n, nowSeconds, nowSeconds + 401n * day + 1n, 10n ** 15n - 1n]) {
    expect(outcome(shown(expirySeconds))).toBe('PROOF_INVALID expiry')
  }
  const soon = nowSeconds + day
  expect(outcome({ ...shown(soon), publicKey: Uint8Array.of(1, 2, 4) })).toBe('PROOF_INVALID signature')
  expect(outcome(shown(soon, { chainId: 8n }))).toBe('PROOF_INVALID signature')
  expect(outcome(shown(soon, { secretKey: new Uint8Array(32).fill(6) }))).toBe('PROOF_INVALID signature')
  expect(outcome({ ...shown(soon), subjectAltName: shown(soon).subjectAltName.replace(String(soon), String(soon + 1n)) })).toBe(
    'PROOF_INVALID signature',
  )
  // No point of the curve at all.
  const junk = { expirySeconds: soon, signature: new Uint8Array(96).fill(9) }
  expect(outcome({ publicKey, subjectAltName: `URI:${tlsBindingName(junk)}` })).toBe('PROOF_INVALID signature')
  expect(outcome({ publicKey, subjectAltName: undefined })).toBe('PROOF_INVALID form')
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
