import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Claims, parseBearer, refuseClaims } from './bearer.ts'

const ADDRESS = `0x${'aB'.repeat(20)}`
const PROVIDER = `0x${'0c'.repeat(20)}`
const SIGNATURE = `0x${'11'.repeat(65)}`
const claims = {
  address: ADDRESS,
  provider: PROVIDER,
  timestamp: 1000,
  expiresAt: 2000,
  nonce: 'a|b',
  generation: 3,
  tokenId: 255,
}
const encode = (text: string) => `Bearer app-sk-${btoa(text)}`
const token = (change: Record<string, unknown> = {}) => encode(`${JSON.stringify({ ...claims, ...change })}|${SIGNATURE}`)

describe('parseBearer', () => {
  test('reads what the SDK makes, split at the last bar', () => {
    expect(parseBearer(token())).toEqual({
      claims: {
        address: ADDRESS.toLowerCase(),
        provider: PROVIDER,
        timestampMs: 1000,
        expiresAtMs: 2000,
        nonce: 'a|b',
        generation: 3n,
        tokenId: 255,
      },
      rawMessage: JSON.stringify(claims),
      signature: SIGNATURE,
    })
  })

  test.each([
    undefined,
    '',
    'Bearer sk-abc',
    'app-sk-abc',
    encode('{}'),
    encode(`{}|${SIGNATURE}`),
    encode(`${JSON.stringify(claims)}|0x11`),
    encode(JSON.stringify(claims)),
    token({ address: '0x12' }),
    token({ tokenId: 256 }),
    token({ tokenId: -1 }),
    token({ tokenId: 1.5 }),
    token({ generation: '3' }),
    token({ expiresAt: null }),
    token({ timestamp: 2 ** 53 }),
    `Bearer app-sk-${'A'.repeat(5000)}`,
    `Bearer app-sk-${btoa('\xff\xfe')}`,
  ])('refuses %p', (text) => {
    expect(parseBearer(text)).toBeUndefined()
  })

  test('never throws, whatever arrives', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map(btoaSafe),
          fc.json().map((json) => encodeSafe(`${json}|${SIGNATURE}`)),
        ),
        (text) => {
          const bearer = parseBearer(text)
          if (bearer !== undefined) expect(bearer.claims.tokenId).toBeLessThanOrEqual(255)
        },
      ),
      { numRuns: 500 },
    )
  })
})

function btoaSafe(text: string): string {
  return encodeSafe(text)
}
function encodeSafe(text: string): string {
  return `Bearer app-sk-${Buffer.from(text).toString('base64')}`
}

describe('refuseClaims', () => {
  const good: Claims = {
    address: ADDRESS.toLowerCase(),
    provider: PROVIDER,
    timestampMs: 1000,
    expiresAtMs: 2000,
    nonce: '',
    generation: 3n,
    tokenId: 255,
  }
  const facts = { provider: PROVIDER, nowMs: 1500, account: { generation: 3n, revokedBitmap: 1n << 7n } }
  test.each<[Partial<Claims>, Partial<typeof facts>, string | undefined]>([
    [{}, {}, undefined],
    [{}, { provider: PROVIDER.toUpperCase().replace('0X', '0x') }, undefined],
    [{}, { provider: ADDRESS }, 'wrong provider'],
    [{}, { nowMs: 2000 }, 'expired'],
    [{ expiresAtMs: 0 }, {}, 'no expiry'],
    [{ expiresAtMs: 1001 + 86_400_000 }, {}, 'lives too long'],
    [{ timestampMs: 500_000, expiresAtMs: 600_000 }, {}, 'from the future'],
    [{ generation: 2n }, {}, 'old generation'],
    [{ tokenId: 7 }, {}, 'revoked'],
    [{ tokenId: 8, expiresAtMs: 0 }, {}, undefined],
    // An ephemeral token has no bit of its own.
    [{}, { account: { generation: 3n, revokedBitmap: 2n ** 256n - 1n } }, undefined],
  ])('%p and %p: %p', (change, of, refusal) => {
    expect(refuseClaims({ ...good, ...change }, { ...facts, ...of })).toBe(refusal)
  })
})
