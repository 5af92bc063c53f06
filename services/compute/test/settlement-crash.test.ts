import { describe, expect, test } from '@jest/globals'
import { systemClock } from '@zerog/adapters'
import type { Hex } from '@zerog/primitives'
import { createTraces, silentLogger } from '@zerog/runtime'
import { testWorld } from '@zerog/runtime/testing'
import fc from 'fast-check'
import { memoryBrokerRepository } from '../src/adapters/sql/broker-memory-repository.ts'
import { createBatchTraces } from '../src/app/broker/batch-traces.ts'
import { brokerMetrics } from '../src/app/broker/metrics.ts'
import type { BrokerRepository } from '../src/app/broker/repository.ts'
import { createSettlement, type Settlement } from '../src/app/broker/settlement.ts'
import { address, PROVIDER, receiptRecord, word } from './support/receipts.ts'
import { crashing, modelRequests, servingModel } from './support/serving-model.ts'

const USERS = [address(0xa1), address(0xa2), address(0xa3)] as const
const world = testWorld()
const meter = world.metrics.meter({ target: 'test', replica: '0' })
const metrics = brokerMetrics(meter, { running: () => 0, reservedWei: () => 0n, workers: () => 0, height: () => 0n })

/** Books of a provider on the model of the contracts. Money is owed by receipts; every run of the broker may die at any call. */
function books() {
  const model = servingModel()
  const repository = memoryBrokerRepository()
  const owed = new Map<Hex, bigint>()
  let token = 0n
  let applied = 0
  let clockMs = 1_000_000
  const clock = { ...systemClock, nowMs: () => clockMs, monotonicMs: () => clockMs }
  let publications = 0

  function settlementOf(inner: BrokerRepository, fuse?: Parameters<typeof crashing>[1]): Settlement {
    const guarded = <T extends object>(target: T): T => (fuse === undefined ? target : crashing(target, fuse))
    return createSettlement(
      {
        chainId: 31337n,
        provider: PROVIDER,
        usersMax: 2,
        receiptsPerUserMax: 3,
        settleAfterMs: 0,
        settleAmountWei: 1n,
        retryAfterMs: 10,
        stuckAfterMs: 1_000,
      },
      {
        repository: guarded(inner),
        chain: guarded(model.chain),
        publisher: guarded({
          publish: async () => {
            publications++
            return { dataRoot: word(5), epoch: 1n, quorumId: 0n }
          },
        }),
        sender: guarded(model.sender()),
        encode: modelRequests,
        caughtUp: async () => {},
        onSettled: () => {},
        traces: createBatchTraces(createTraces(world.tracing)),
        metrics,
        clock,
        logger: silentLogger,
      },
    )
  }

  return {
    model,
    repository,
    async answer(user: Hex, fee: bigint): Promise<void> {
      const record = receiptRecord({ user, fee, finishedAt: clockMs })
      await repository.appendReceipts([record])
      await repository.changeReceipts({ acknowledged: [record.id], cut: [] })
      owed.set(user, (owed.get(user) ?? 0n) + fee)
    },
    /** One life of a broker: some rounds, with blocks between them, and its death after `calls` calls. */
    async life(of: {
      readonly calls: number
      readonly after: boolean
      readonly rounds: number
      readonly seals: number
    }): Promise<void> {
      token++
      const fuse = { left: of.calls, after: of.after, dead: false }
      const settlement = settlementOf(repository, fuse)
      for (let round = 0; round < of.rounds && !fuse.dead; round++) {
        clockMs += 100
        await settlement.round(token, new AbortController().signal).catch(rethrowUnlessDead(fuse))
        if ((of.seals >> (round % 8)) & 1) model.seal()
        applied = await follow(settlement, applied, fuse)
      }
    },
    /** Without deaths, until nothing moves any more. */
    async finish(): Promise<void> {
      token++
      const settlement = settlementOf(repository)
      for (let idle = 0, round = 0; idle < 4; round++) {
        if (round > 500) throw new Error('settlement does not come to an end')
        clockMs += 400
        const moved = await settlement.round(token, new AbortController().signal)
        model.seal()
        applied = await follow(settlement, applied, undefined)
        idle = moved ? 0 : idle + 1
      }
    },
    /** Every wei that was owed is paid on chain or still owed in the books, and both sides say the same. */
    async check(): Promise<void> {
      const { billable, inBatches, paid, carried } = await repository.totals()
      const total = [...owed.values()].reduce((sum, amount) => sum + amount, 0n)
      const onChain = USERS.reduce((sum, user) => sum + model.paidBy(user), 0n)
      expect({ sum: billable + inBatches + paid + carried, paid }).toEqual({ sum: total, paid: onChain })
      for (const user of USERS) {
        expect((await repository.unsettled(user)) + model.paidBy(user)).toBe(owed.get(user) ?? 0n)
      }
    },
    owed: (user: Hex) => owed.get(user) ?? 0n,
    publications: () => publications,
  }

  /** Blocks from where this provider stopped; the one in which the process died comes again. */
  async function follow(settlement: Settlement, from: number, fuse: { dead: boolean } | undefined): Promise<number> {
    for (let height = from; height < model.blocks.length; height++) {
      for (const event of model.blocks[height] ?? []) {
        await settlement.apply(event).catch(rethrowUnlessDead(fuse))
        if (fuse?.dead === true) return height
      }
    }
    return model.blocks.length
  }
}

function rethrowUnlessDead(fuse: { readonly dead: boolean } | undefined) {
  return (error: unknown) => {
    if (fuse?.dead !== true) throw error
  }
}

describe('settlement', () => {
  test('zero: receipts without a fee are anchored, and nothing is sent to settle them', async () => {
    const provider = books()
    await provider.answer(USERS[0], 0n)
    await provider.finish()
    await provider.check()
    expect(provider.publications()).toBe(1)
    expect(await provider.repository.openBatch()).toBeUndefined()
    expect(await provider.repository.billableUsers(10)).toEqual([])
  })

  test('partial, then a top-up: the rest is carried and paid, once', async () => {
    const provider = books()
    provider.model.deposit(USERS[0], 60n)
    await provider.answer(USERS[0], 100n)
    await provider.finish()
    await provider.check()
    expect(provider.model.paidBy(USERS[0])).toBe(60n)
    expect((await provider.repository.carry(USERS[0]))?.amount).toBe(40n)
    provider.model.deposit(USERS[0], 500n)
    await provider.answer(USERS[0], 5n)
    await provider.finish()
    await provider.check()
    expect(provider.model.paidBy(USERS[0])).toBe(105n)
  })

  test('partial twice', async () => {
    const provider = books()
    provider.model.deposit(USERS[0], 10n)
    await provider.answer(USERS[0], 100n)
    for (const topUp of [30n, 60n]) {
      await provider.finish()
      await provider.check()
      provider.model.deposit(USERS[0], topUp)
    }
    await provider.finish()
    await provider.check()
    expect(provider.model.paidBy(USERS[0])).toBe(100n)
  })

  test('an account that was deleted is waited for, and pays when it is open again', async () => {
    const provider = books()
    provider.model.deposit(USERS[0], 10n)
    await provider.answer(USERS[0], 4n)
    await provider.finish()
    provider.model.close(USERS[0])
    await provider.answer(USERS[0], 6n)
    await provider.finish()
    await provider.check()
    expect(provider.model.paidBy(USERS[0])).toBe(4n)
    provider.model.deposit(USERS[0], 100n)
    await provider.finish()
    await provider.check()
    expect(provider.model.paidBy(USERS[0])).toBe(10n)
  })

  test('an account that vanishes between plan and settlement leaves a carry, not a hole', async () => {
    const provider = books()
    provider.model.deposit(USERS[0], 10n)
    await provider.answer(USERS[0], 4n)
    await provider.life({ calls: 1_000, after: false, rounds: 3, seals: 0 })
    provider.model.close(USERS[0])
    await provider.finish()
    await provider.check()
    expect((await provider.repository.carry(USERS[0]))?.amount).toBe(4n)
    provider.model.deposit(USERS[0], 10n)
    await provider.finish()
    await provider.check()
    expect(provider.model.paidBy(USERS[0])).toBe(4n)
  })

  test('another transaction of the provider takes the nonce: the settlement is sent again', async () => {
    const provider = books()
    provider.model.deposit(USERS[0], 10n)
    await provider.answer(USERS[0], 4n)
    await provider.life({ calls: 1_000, after: false, rounds: 2, seals: 0 })
    provider.model.useNonce()
    await provider.finish()
    await provider.check()
    expect(provider.model.paidBy(USERS[0])).toBe(4n)
  })

  test('a death at any call, before or after its effect, neither loses nor doubles a fee', async () => {
    for (let calls = 0; calls < 60; calls++) {
      for (const after of [false, true]) {
        const provider = books()
        provider.model.deposit(USERS[0], 1_000n)
        provider.model.deposit(USERS[1], 7n)
        await provider.answer(USERS[0], 30n)
        await provider.answer(USERS[1], 20n)
        await provider.life({ calls, after, rounds: 8, seals: 0xff })
        await provider.finish()
        await provider.check()
        expect({ calls, after, paid: provider.model.paidBy(USERS[0]) }).toEqual({ calls, after, paid: 30n })
        expect(provider.model.paidBy(USERS[1])).toBe(7n)
      }
    }
  }, 120_000)

  test('fuzzed traffic, deposits, deletions and deaths: the books agree to the wei', async () => {
    const user = fc.constantFrom(...USERS)
    const amount = fc.bigInt({ min: 0n, max: 2n ** 90n })
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('answer' as const), user, amount }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('deposit' as const), user, amount }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), user }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('nonce' as const) }) },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('life' as const),
          calls: fc.nat(80),
          after: fc.boolean(),
          rounds: fc.integer({ min: 1, max: 12 }),
          seals: fc.nat(255),
        }),
      },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const provider = books()
        for (const one of steps) {
          if (one.kind === 'answer') await provider.answer(one.user, one.amount)
          else if (one.kind === 'deposit') provider.model.deposit(one.user, one.amount)
          else if (one.kind === 'close') provider.model.close(one.user)
          else if (one.kind === 'nonce') provider.model.useNonce()
          else await provider.life(one)
        }
        await provider.finish()
        await provider.check()
        // With enough money everything is paid in the end.
        for (const each of USERS) provider.model.deposit(each, 2n ** 100n)
        await provider.finish()
        await provider.check()
        for (const each of USERS) expect(provider.model.paidBy(each)).toBe(provider.owed(each))
      }),
      { numRuns: process.env.ZEROG_TEST_LONG === '1' ? 3_000 : 500 },
    )
  }, 600_000)
})
