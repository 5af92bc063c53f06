import { beforeEach, describe, expect, it } from '@jest/globals'
import { createStorageClient, dataOf, eventsOf, failure, node, type StorageClient } from './support/storage-client.ts'
import { ALICE, BOB, createTestChain, OWNER, type TestChain } from './support/test-chain.ts'

const DAY = 86_400n
let chain: TestChain
let client: StorageClient
beforeEach(async () => {
  chain = await createTestChain()
  client = createStorageClient(chain)
})

describe('the market', () => {
  it('takes fees only from the flow', async () => {
    expect(failure(await client.sendMarket('chargeFee', [1n, 1n, 0n], { value: 10n }))).toMatch(/^NotFlow/)
    expect(failure(await client.sendMarket('openPeriod', [0n]))).toMatch(/^NotFlow/)
  })

  it('lets only its owner set price and lifetime and withdraw', async () => {
    const calls: [Parameters<StorageClient['sendMarket']>[0], unknown[]][] = [
      ['setPricePerSector', [7n]],
      ['setEntryLifetime', [DAY]],
      ['withdraw', [BOB, 40n]],
    ]
    await client.submit(dataOf([node(1, 2)]))
    const before = await chain.balance(BOB)
    for (const [name, args] of calls) {
      expect(failure(await client.sendMarket(name, args, { from: ALICE }))).toMatch(/^OwnableUnauthorizedAccount/)
      expect(failure(await client.sendMarket(name, args, { from: OWNER }))).toBe('success')
    }
    expect(await chain.balance(BOB)).toBe(before + 40n)
    expect(failure(await client.sendMarket('withdraw', [BOB, 1n], { from: OWNER }))).toBe('WithdrawFailed()')
    expect(failure(await client.submit(dataOf([node(2, 0)]), { value: 6n }))).toBe('NotEnoughFee(7,1,6)')
    expect(failure(await client.submit(dataOf([node(2, 0)]), { value: 7n }))).toBe('success')
  })

  it('knows no reward contract yet', async () => {
    expect(await client.market('reward')).toBe('0x0000000000000000000000000000000000000000')
  })
})

describe('the lifetime of an entry', () => {
  it('ends 30 days after the end of its UTC day', async () => {
    const outcome = await client.submit(dataOf([node(1, 0)]))
    const expiresAt = (chain.timestampSeconds / DAY + 31n) * DAY
    expect(eventsOf(outcome, 'PeriodOpened')).toEqual([{ firstIndex: 0n, expiresAt }])
    expect(await client.market('expiresAt', 0n)).toBe(expiresAt)
    chain.timestampSeconds = (chain.timestampSeconds / DAY + 1n) * DAY - 1n
    expect(eventsOf(await client.submit(dataOf([node(2, 0)])), 'PeriodOpened')).toEqual([])
    expect(await client.market('expiresAt', 1n)).toBe(expiresAt)
    chain.timestampSeconds += 1n
    expect(eventsOf(await client.submit(dataOf([node(3, 0)])), 'PeriodOpened')).toEqual([
      { firstIndex: 2n, expiresAt: expiresAt + DAY },
    ])
    chain.timestampSeconds += 5n * DAY
    await client.submit(dataOf([node(4, 0)]))
    const all = await Promise.all([0n, 1n, 2n, 3n].map((index) => client.market('expiresAt', index)))
    expect(all).toEqual([expiresAt, expiresAt, expiresAt + DAY, expiresAt + 6n * DAY])
  })

  it('is not changed by the owner for days that began', async () => {
    await client.submit(dataOf([node(1, 0)]))
    const before = await client.market('expiresAt', 0n)
    await client.sendMarket('setEntryLifetime', [DAY], { from: OWNER })
    await client.submit(dataOf([node(2, 0)]))
    expect(await client.market('expiresAt', 0n)).toBe(before)
    expect(await client.market('expiresAt', 1n)).toBe(before)
    chain.timestampSeconds += DAY
    await client.submit(dataOf([node(3, 0)]))
    expect(await client.market('expiresAt', 2n)).toBe((chain.timestampSeconds / DAY + 2n) * DAY)
  })

  it.each([0n, DAY - 1n, 36_525n * DAY + 1n])('cannot be set to %s seconds', async (seconds) => {
    expect(failure(await client.sendMarket('setEntryLifetime', [seconds], { from: OWNER }))).toBe(`InvalidLifetime(${seconds})`)
  })

  it("is extended by whoever pays today's price, while it lasts", async () => {
    const data = dataOf([node(1, 3)])
    const submission = { data, submitter: ALICE }
    expect(failure(await client.sendMarket('extend', [submission], { value: 80n }))).toBe('UnknownEntry()')
    await client.submit(data)
    const expiresAt = (await client.market('expiresAt', 0n)) as bigint
    expect(failure(await client.sendMarket('extend', [submission], { value: 79n }))).toBe('WrongFee(80,79)')
    expect(failure(await client.sendMarket('extend', [submission], { value: 81n }))).toBe('WrongFee(80,81)')
    expect(failure(await client.sendMarket('extend', [{ data, submitter: BOB }], { value: 80n }))).toBe('UnknownEntry()')
    const outcome = await client.sendMarket('extend', [submission], { value: 80n, from: BOB })
    expect(eventsOf(outcome, 'EntryExtended')).toEqual([{ index: 0n, expiresAt: expiresAt + 30n * DAY }])
    expect(await client.market('expiresAt', 0n)).toBe(expiresAt + 30n * DAY)
    chain.timestampSeconds = expiresAt + DAY
    expect(eventsOf(await client.submit(data), 'Submit')[0].submissionIndex).toBe(0n)
    chain.timestampSeconds = expiresAt + 30n * DAY
    expect(failure(await client.sendMarket('extend', [submission], { value: 80n }))).toBe('EntryExpired(0)')
  })
})
