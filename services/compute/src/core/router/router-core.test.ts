import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { chooseOffers, type Offer } from './choose.ts'
import { failed, isUsable, succeeded, UNKNOWN_HEALTH } from './health.ts'
import { isPrivateUrl } from './private-address.ts'
import { EMPTY_PURSE, grant, type Purse, reserve, settle, wanted } from './purse.ts'
import { admit } from './rate-limit.ts'
import { readOffer, readPricing } from './service-info.ts'
import { tokenHeader, tokenMessage } from './session-token.ts'
import { bearerOf, shownKey, virtualKeyDigest, virtualKeyText } from './virtual-key.ts'

describe('a purse', () => {
  test('never spends or promises more than was granted, under any order of events', () => {
    const event = fc.record({
      kind: fc.constantFrom('grant', 'reserve', 'settle'),
      amount: fc.bigInt({ min: 0n, max: 100n }),
      at: fc.nat(20),
    })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 100 }), (events) => {
        let purse: Purse = EMPTY_PURSE
        let granted = 0n
        let spent = 0n
        const running: bigint[] = []
        for (const { kind, amount, at } of events) {
          if (kind === 'grant') {
            purse = grant(purse, amount)
            granted += amount
          } else if (kind === 'reserve') {
            const next = reserve(purse, amount)
            const free = granted - spent - running.reduce((sum, one) => sum + one, 0n)
            expect(next === undefined).toBe(amount > free)
            if (next === undefined) continue
            purse = next
            running.push(amount)
          } else {
            const [reservation] = running.splice(at % Math.max(1, running.length), 1)
            if (reservation === undefined) continue
            const cost = amount % (reservation + 1n)
            purse = settle(purse, reservation, cost)
            spent += cost
          }
          expect(purse.reserved).toBe(running.reduce((sum, one) => sum + one, 0n))
          expect(purse.granted).toBe(granted - spent)
        }
      }),
    )
  })

  test('asks for what is missing and a part of the rest, never less than is missing', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1000n }), fc.bigInt({ min: 0n, max: 1000n }), (amount, remaining) => {
        expect(wanted(EMPTY_PURSE, amount, remaining)).toBeGreaterThanOrEqual(amount)
      }),
    )
  })
})

const address = (index: number) => `0x${String(index).padStart(40, '0')}`
const offer = (index: number, of: Partial<Offer> & { price?: Offer['price'] } = {}): Offer => ({
  provider: address(index),
  model: 'm',
  price: { inputPrice: 1n, outputPrice: 1n, tiers: [], cachedDivisor: 1 },
  reExecutable: false,
  health: UNKNOWN_HEALTH,
  ...of,
})
const routing = { only: [], order: [], sort: 'price' as const, reExecutable: false }
const choose = (offers: readonly Offer[], more: object = {}) =>
  chooseOffers(
    offers,
    { routing: { ...routing, ...more }, size: { promptTokens: 10, completionTokens: 10 } },
    { nowMs: 1000, draw: () => 0 },
  ).map(({ provider }) => Number(provider.slice(2)))

describe('the choice of a provider', () => {
  test('goes by price, then latency; named ones first; those that are down last', () => {
    const cheap = { inputPrice: 0n, outputPrice: 1n, tiers: [], cachedDivisor: 1 }
    const slow = succeeded(UNKNOWN_HEALTH, 5000)
    const down = failed(UNKNOWN_HEALTH, 1000, { refused: true })
    expect(choose([offer(1), offer(2, { price: cheap })])).toEqual([2, 1])
    expect(choose([offer(1, { health: slow }), offer(2)])).toEqual([2, 1])
    expect(choose([offer(1, { health: slow, price: cheap }), offer(2)], { sort: 'latency' })).toEqual([2, 1])
    expect(choose([offer(1, { health: down, price: cheap }), offer(2)])).toEqual([2, 1])
    expect(choose([offer(1), offer(2, { price: cheap })], { order: [address(1)] })).toEqual([1, 2])
    expect(choose([offer(1), offer(2)], { only: [address(2)] })).toEqual([2])
    expect(choose([offer(1), offer(2, { reExecutable: true })], { reExecutable: true })).toEqual([2])
  })

  test('spreads equal offers evenly', () => {
    const counts = [0, 0, 0]
    let state = 1
    const draw = (bound: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      return (state >>> 4) % bound
    }
    const size = { promptTokens: 1, completionTokens: 1 }
    for (let round = 0; round < 3000; round++) {
      const [first] = chooseOffers([offer(0), offer(1), offer(2)], { routing, size }, { nowMs: 0, draw })
      const index = Number(first?.provider.slice(2))
      counts[index] = (counts[index] ?? 0) + 1
    }
    for (const count of counts) expect(count).toBeGreaterThan(850)
  })
})

describe('health', () => {
  test('opens after failures in a row, longer each time, and closes with a success', () => {
    let health = UNKNOWN_HEALTH
    for (let round = 0; round < 2; round++) health = failed(health, 0, { refused: false })
    expect(isUsable(health, 0)).toBe(true)
    health = failed(health, 0, { refused: false })
    expect(isUsable(health, 999)).toBe(false)
    expect(isUsable(health, 1000)).toBe(true)
    for (let round = 0; round < 100; round++) health = failed(health, 0, { refused: true })
    expect(health.openUntilMs).toBe(60_000)
    expect(isUsable(succeeded(health, 5), 0)).toBe(true)
  })
})

describe('limits per minute', () => {
  test('count requests and tokens, and say when to come back', () => {
    const limits = { requestsPerMinute: 2, tokensPerMinute: 100 }
    const first = admit(undefined, limits, { tokens: 90, nowMs: 60_000 })
    expect(first).toMatchObject({ refused: undefined, headers: { 'x-ratelimit-remaining-tokens': '10' } })
    expect(admit(first.window, limits, { tokens: 20, nowMs: 61_000 })).toMatchObject({ refused: 'tokens', retryAfterMs: 59_000 })
    const second = admit(first.window, limits, { tokens: 10, nowMs: 61_000 })
    expect(admit(second.window, limits, { tokens: 0, nowMs: 62_000 }).refused).toBe('requests')
    expect(admit(second.window, limits, { tokens: 10, nowMs: 120_000 }).refused).toBeUndefined()
  })
})

describe('keys and tokens', () => {
  test('a key has one form, and its digest is all that is kept', () => {
    const text = virtualKeyText(new Uint8Array(32).fill(255))
    expect(text).toMatch(/^sk-zerog-[A-Za-z0-9_-]{43}$/)
    expect(virtualKeyDigest(text)).toMatch(/^0x[0-9a-f]{64}$/)
    expect(shownKey(text).length).toBeLessThan(24)
    for (const bad of ['', 'sk-zerog-', `${text}x`, text.slice(1), `${text}\n`]) expect(virtualKeyDigest(bad)).toBeUndefined()
    expect(bearerOf(`Bearer ${text}`)).toBe(text)
    for (const bad of [undefined, '', 'Bearer', text, `Basic ${text}`, `Bearer ${'x'.repeat(600)}`])
      expect(bearerOf(bad)).toBeUndefined()
  })

  test("a session token has the claims in the order of 0G's SDK", () => {
    const claims = {
      address: '0xaa',
      provider: '0xbb',
      timestampMs: 1,
      expiresAtMs: 2,
      nonce: 'n',
      generation: 3n,
      tokenId: 255,
    } as const
    const { rawMessage, digest } = tokenMessage(claims)
    expect(rawMessage).toBe(
      '{"address":"0xaa","provider":"0xbb","timestamp":1,"expiresAt":2,"nonce":"n","generation":3,"tokenId":255}',
    )
    expect(digest).toMatch(/^0x[0-9a-f]{64}$/)
    expect(atob(tokenHeader(rawMessage, '0x12').slice('Bearer app-sk-'.length))).toBe(`${rawMessage}|0x12`)
  })
})

describe('what providers write into the chain', () => {
  test('is read without a failure, whatever it is', () => {
    fc.assert(
      fc.property(fc.string(), fc.oneof(fc.string(), fc.json()), (url, additionalInfo) => {
        readOffer({ url, additionalInfo, inputPrice: 1n, outputPrice: 1n })
      }),
    )
    fc.assert(
      fc.property(fc.jsonValue(), (pricing) => {
        readPricing(pricing, { inputPrice: 1n, outputPrice: 1n, tiers: [], cachedDivisor: 1 })
      }),
    )
  })

  test('cannot send the router to its own neighbours', () => {
    for (const inside of [
      'http://127.0.0.1:1',
      'http://localhost',
      'http://10.1.2.3',
      'http://169.254.169.254/x',
      'http://192.168.1.1',
      'http://[::1]',
      'http://[fd00::1]',
      'http://postgres:5432',
      'http://0x7f000001',
      'x',
    ])
      expect([inside, isPrivateUrl(inside)]).toEqual([inside, true])
    for (const outside of ['https://provider.example.com', 'http://8.8.8.8:80', 'http://[2001:db8::1]'])
      expect([outside, isPrivateUrl(outside)]).toEqual([outside, false])
  })
})
