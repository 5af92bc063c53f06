import { describe, expect, test } from '@jest/globals'
import { systemClock } from '@zerog/adapters/clock/system'
import { silentLogger } from '@zerog/runtime'
import { createJournal as createBrokerJournal } from './broker/journal.ts'
import { createJournal as createRouterJournal } from './router/journal.ts'

const HOPS = Array.from({ length: 16 }, (_, hops) => hops)

/** `done`, or `left` where nothing more happens to it by itself. */
async function fate(promise: Promise<unknown>): Promise<unknown> {
  const later = new Promise((resolve) => setTimeout(() => resolve('left'), 50))
  return Promise.race([promise.then(() => 'done'), later])
}

async function afterMicrotasks(hops: number): Promise<void> {
  for (let hop = 0; hop < hops; hop++) await Promise.resolve()
}

describe('an entry that comes just when the last write is told', () => {
  test.each(HOPS)('is written by the broker (%d microtasks later)', async (hops) => {
    const repository = { appendReceipts: async () => {}, changeReceipts: async () => ({ acknowledged: new Set<string>() }) }
    const metrics = { durableSeconds: { observe: () => {} } }
    const deps = { repository, gather: async () => {}, metrics, clock: systemClock }
    const journal = createBrokerJournal({ batchMax: 10, waitingMax: 10 }, deps)
    await journal.cut('first')
    await afterMicrotasks(hops)
    expect(await fate(journal.cut('second'))).toBe('done')
  })

  test.each(HOPS)('is written by the router (%d microtasks later)', async (hops) => {
    // Only `write` is asked for.
    const repository = { write: async () => {} } as unknown as Parameters<typeof createRouterJournal>[0]['repository']
    const journal = createRouterJournal({ repository, holder: 'router', logger: silentLogger, gather: async () => {} })
    await journal.add({ outcomes: [] })
    await afterMicrotasks(hops)
    expect(await fate(journal.add({ outcomes: [] }))).toBe('done')
  })
})
