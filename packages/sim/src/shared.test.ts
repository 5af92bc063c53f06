import { describe, expect, jest, test } from '@jest/globals'
import type { BusDelivery } from '@zerog/ports'
import { assert } from '@zerog/primitives'
import type { NodeEnv } from './node.ts'
import { Sim, type SimOptions } from './sim.ts'

jest.setTimeout(60_000)

const data = new Uint8Array([1])

async function overSeeds(
  seeds: number,
  options: Omit<SimOptions, 'seed'>,
  body: (sim: Sim) => Promise<void>,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (let seed = 1n; seed <= BigInt(seeds); seed++) {
    const sim = new Sim({ seed, swarm: false, ...options })
    await sim.run(body)
    for (const [kind, count] of sim.faults.counts) counts.set(kind, (counts.get(kind) ?? 0) + count)
  }
  return counts
}

const plain = (env: NodeEnv) => env

describe('Bus', () => {
  test('every message is handled at least once, with drops, duplicates, delays and crashes of the consumer', async () => {
    let deliveries = 0
    const faults = {
      'bus.drop': 0.2,
      'bus.duplicate': 0.2,
      'bus.delay': 0.2,
      'remote.unknown': 0.1,
      'remote.refused': 0.1,
    } as const
    const counts = await overSeeds(20, { faults }, async (sim) => {
      const handled = new Set<string>()
      const consumer = sim.node('consumer', async (env) => {
        const subscribe = async (): Promise<unknown> => {
          const options = { subject: 'zerog.test.v1.>', consumer: 'c', ackWaitMs: 1_000, deliveriesMax: 100, concurrency: 2 }
          return env.bus
            .subscribe(options, async ({ id }) => {
              deliveries++
              await env.clock.sleep(5)
              handled.add(id)
            })
            .catch(subscribe)
        }
        await subscribe()
        return env
      })
      const publisher = sim.node('publisher', plain)
      publisher.start()
      const { bus } = await publisher.ready()
      await consumer.ready()
      sim.torment({ 'node.kill': 300, victims: ['consumer'] })
      for (let number = 0; number < 20; number++) {
        const publish = async (): Promise<void> =>
          bus.publish({ id: `m${number}`, subject: 'zerog.test.v1.event', data }).catch(publish)
        await publish()
      }
      await sim.heal()
      while (handled.size < 20) await sim.clock.sleep(100)
    })
    // Published messages are deduplicated by id: what is more than 20 per run are redeliveries.
    expect(deliveries).toBeGreaterThan(20 * 20)
    for (const kind of Object.keys(faults)) expect(counts.get(kind)).toBeGreaterThan(0)
  })

  test('without faults one subject arrives in order, once, at every consumer name', async () => {
    await overSeeds(10, {}, async (sim) => {
      const seen: Record<string, string[]> = { a: [], b: [] }
      const node = sim.node('n', plain)
      node.start()
      const { bus } = await node.ready()
      for (const consumer of ['a', 'b']) {
        await bus.subscribe({ subject: 'zerog.s.one', consumer }, async ({ id }: BusDelivery) => void seen[consumer]?.push(id))
      }
      for (let number = 0; number < 10; number++) await bus.publish({ id: String(number), subject: 'zerog.s.one', data })
      await bus.publish({ id: '3', subject: 'zerog.s.one', data })
      await sim.clock.sleep(60_000)
      const expected = Array.from({ length: 10 }, (_, number) => String(number))
      expect(seen).toEqual({ a: expected, b: expected })
    })
  })

  test('a message that always fails is moved aside', async () => {
    await overSeeds(1, {}, async (sim) => {
      const node = sim.node('n', plain)
      node.start()
      const { bus } = await node.ready()
      let attempts = 0
      await bus.subscribe({ subject: 'zerog.s', consumer: 'c', deliveriesMax: 3 }, async () => {
        attempts++
        throw new Error('no')
      })
      await bus.publish({ id: '1', subject: 'zerog.s', data })
      await sim.clock.sleep(60_000)
      expect([attempts, sim.bus.parked('c')]).toEqual([3, 1])
    })
  })
})

describe('Leases', () => {
  test('tokens grow with every holder, and no two holders whose clocks are true overlap', async () => {
    await overSeeds(20, { faults: { 'remote.unknown': 0.1, 'remote.refused': 0.1 } }, async (sim) => {
      const holding = new Map<string, bigint>()
      let highest = 0n
      sim.check('one holder', () => assert(holding.size <= 1, `${[...holding.keys()]} hold the lease at once`))
      const contender = async (env: NodeEnv) => {
        const compete = async () => {
          for (;;) {
            const lease = await env.leases.tryAcquire({ name: 'job', holder: env.name, ttlMs: 1_000 }).catch(() => undefined)
            if (lease === undefined) {
              await env.clock.sleep(100)
              continue
            }
            assert(lease.token > highest, 'a token came again')
            highest = lease.token
            holding.set(env.name, lease.token)
            lease.lost.addEventListener('abort', () => holding.delete(env.name))
            await env.clock.sleep(env.random.below(3_000), lease.lost).catch(() => undefined)
            await lease.release().catch(() => undefined)
          }
        }
        void compete()
        return env
      }
      const nodes = ['a', 'b', 'c'].map((name) => sim.node(name, contender))
      for (const node of nodes) node.start()
      for (let round = 0; round < 5; round++) {
        await sim.clock.sleep(2_000)
        const victim = sim.prng.pick(nodes)
        victim.crash()
        holding.delete(victim.name)
      }
      assert(highest > 3n, 'the lease went around')
    })
  })

  test('a paused holder believes in a lease that somebody else has: only the token tells', async () => {
    await overSeeds(1, {}, async (sim) => {
      const [a, b] = ['a', 'b'].map((name) => sim.node(name, plain))
      assert(a && b, 'two nodes')
      a.start()
      b.start()
      const first = await (await a.ready()).leases.tryAcquire({ name: 'job', holder: 'a', ttlMs: 1_000 })
      a.pause(5_000)
      await sim.clock.sleep(2_000)
      const second = await (await b.ready()).leases.tryAcquire({ name: 'job', holder: 'b', ttlMs: 1_000 })
      expect(first?.lost.aborted).toBe(false)
      expect(second?.token).toBe(2n)
      await sim.clock.sleep(5_000)
      expect(first?.lost.aborted).toBe(true)
      expect(second?.lost.aborted).toBe(false)
      expect(sim.leases.holder('job')).toEqual({ holder: 'b', token: 2n })
    })
  })
})

describe('Cache and chain', () => {
  test('the cache forgets, and says so only by missing', async () => {
    const counts = await overSeeds(3, { faults: { 'cache.lost': 0.3 } }, async (sim) => {
      const node = sim.node('n', plain)
      node.start()
      const { cache } = await node.ready()
      let misses = 0
      for (let round = 0; round < 50; round++) {
        await cache.set('k', 'v', 60_000)
        const value = await cache.get('k')
        assert(value === 'v' || value === undefined, 'never another value')
        misses += value === undefined ? 1 : 0
      }
      expect(misses).toBeGreaterThan(0)
    })
    expect(counts.get('cache.lost')).toBeGreaterThan(0)
  })

  test('watchers see every finalized block once and in order, filtered, across a restart with a checkpoint', async () => {
    await overSeeds(5, {}, async (sim) => {
      let checkpoint = 0n
      const seen: bigint[] = []
      let matching = 0
      const address = `0x${'11'.repeat(20)}` as const
      const node = sim.node('follower', (env) => {
        const follow = async () => {
          const filter = { addresses: [address] }
          for await (const block of env.chain.watch({ fromHeight: checkpoint, filter, signal: env.signal })) {
            seen.push(block.height)
            matching += block.logs.length
            checkpoint = block.height + 1n
          }
        }
        void follow()
        return env
      })
      node.start()
      const log = { topics: [], data: '0x', transactionHash: '0x01', transactionIndex: 0, transactionFrom: '0x02' } as const
      for (let height = 1; height <= 20; height++) {
        sim.chain.finalize([
          { ...log, address },
          { ...log, address: `0x${'22'.repeat(20)}` },
        ])
        await sim.clock.sleep(10)
        if (height % 7 === 0) node.crash()
      }
      await node.ready()
      while (checkpoint < 21n) await sim.clock.sleep(10)
      expect(seen).toEqual(Array.from({ length: 21 }, (_, height) => BigInt(height)))
      expect(matching).toBe(20)
    })
  })
})
