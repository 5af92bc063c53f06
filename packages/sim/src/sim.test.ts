import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { setImmediate as nodeSetImmediate } from 'node:timers'
import { describe, expect, test } from '@jest/globals'
import { assert } from '@zerog/primitives'
import { SIM_EPOCH_MS } from './clock.ts'
import { Sim } from './sim.ts'

const quiet = (seed = 1n) => new Sim({ seed })

describe('virtual time', () => {
  test('hours pass without waiting, and durations are exact to the grid', async () => {
    const startedMs = performance.now()
    const sim = quiet()
    await sim.run(async () => {
      await sim.clock.sleep(3_600_000)
      expect(sim.clock.nowMs()).toBe(SIM_EPOCH_MS + 3_600_000)
      expect(sim.clock.monotonicMs()).toBe(3_600_000)
    })
    expect(performance.now() - startedMs).toBeLessThan(5_000)
  })

  test('sleep rejects with the reason of its signal at once', async () => {
    const sim = quiet()
    await sim.run(async () => {
      const controller = new AbortController()
      sim.clock.after(10, () => controller.abort(new Error('enough')))
      await expect(sim.clock.sleep(1_000, controller.signal)).rejects.toThrow('enough')
      expect(sim.nowMs).toBe(10)
      await expect(sim.clock.sleep(1, controller.signal)).rejects.toThrow('enough')
    })
  })

  test('a cancelled timer never fires; cancelling twice is harmless', async () => {
    const sim = quiet()
    await sim.run(async () => {
      const cancel = sim.clock.after(5, () => assert(false, 'it fired'))
      cancel()
      cancel()
      await sim.clock.sleep(10)
    })
  })

  test('events that are due together come in every order over the seeds, and in one order per seed', async () => {
    const orders = new Map<bigint, string>()
    for (let seed = 0n; seed < 60n; seed++) {
      for (let again = 0; again < 2; again++) {
        const order: string[] = []
        const sim = quiet(seed)
        await sim.run(async () => {
          for (const name of ['a', 'b', 'c']) sim.clock.after(10, () => void order.push(name))
          await sim.clock.sleep(20)
        })
        expect(orders.get(seed) ?? order.join('')).toBe(order.join(''))
        orders.set(seed, order.join(''))
      }
    }
    expect(new Set(orders.values()).size).toBe(6)
  })

  test('all microtasks of an event run before the next event', async () => {
    const sim = quiet()
    await sim.run(async () => {
      const seen: string[] = []
      sim.clock.after(1, async () => {
        for (let step = 0; step < 50; step++) await null
        seen.push('first')
      })
      sim.clock.after(1.5, () => void seen.push('second'))
      await sim.clock.sleep(20)
      // Where the grid makes both due at once either may be first.
      expect(seen.length).toBe(2)
    })
  })
})

describe('a run that goes wrong', () => {
  test('ends when nothing is left to happen, or when there is no end', async () => {
    await expect(quiet().run(() => new Promise(() => {}))).rejects.toThrow('nothing is left')
    const endless = new Sim({ seed: 1n, eventsMax: 100 })
    await expect(
      endless.run(async () => {
        for (;;) await endless.clock.sleep(1)
      }),
    ).rejects.toThrow('no end after 100 events')
  })

  test('ends at the first event after which a checker does not hold', async () => {
    const sim = quiet()
    let value = 0
    sim.check('the value stays small', () => assert(value < 3, `the value is ${value}`))
    const run = sim.run(async () => {
      for (; ; value++) await sim.clock.sleep(1)
    })
    await expect(run).rejects.toThrow('the value stays small: the value is 3')
    expect(value).toBe(3)
  })

  test('ends when a timer throws or a rejection is handled by nobody', async () => {
    const thrown = quiet()
    await expect(
      thrown.run(async () => {
        thrown.clock.after(1, () => {
          throw new Error('in a timer')
        })
        await thrown.clock.sleep(10)
      }),
    ).rejects.toThrow('in a timer')
    const unhandled = quiet()
    await expect(
      unhandled.run(async () => {
        void Promise.reject(new Error('nobody looks'))
        await unhandled.clock.sleep(10)
      }),
    ).rejects.toThrow('nobody looks')
  })
})

describe('nothing escapes', () => {
  const escapes: Record<string, () => unknown> = {
    setTimeout: () => setTimeout(() => {}, 0),
    'setImmediate of node:timers': () => nodeSetImmediate(() => {}),
    'Date.now': () => Date.now(),
    'new Date()': () => new Date(),
    'Math.random': () => Math.random(),
    'random bytes': () => randomBytes(4),
    'crypto.randomUUID': () => crypto.randomUUID(),
    'WebAssembly.compile': () => WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)),
    'AbortSignal.timeout': () => AbortSignal.timeout(1),
    'a file': () => stat('/'),
  }
  for (const [name, act] of Object.entries(escapes)) {
    test(`${name} in simulated code fails the run even when the code swallows the error`, async () => {
      const sim = quiet()
      const run = sim.run(async () => {
        await sim.clock.sleep(1)
        try {
          await act()
        } catch {}
        await sim.clock.sleep(1)
      })
      await expect(run).rejects.toThrow('simulated code used')
    })
  }

  test('a turn of the event loop and a stopwatch are virtual: the turn ends with its node', async () => {
    const sim = quiet()
    await sim.run(async () => {
      const turns: string[] = []
      const node = sim.node('worker', () => {
        const work = async () => {
          for (;;) {
            await new Promise<void>((resolve) => setImmediate(resolve))
            turns.push(`${performance.now()}`)
            if (turns.length === 3) node.crash({ downMs: null })
          }
        }
        void work()
      })
      clearImmediate(setImmediate(() => turns.push('cleared')))
      node.start()
      await sim.clock.sleep(1_000)
      expect(turns.length).toBe(3)
      expect(new Set(turns).size).toBe(1)
      expect(performance.now()).toBe(sim.nowMs)
    })
  })

  test('dates out of given milliseconds are allowed, and everything is as before after the run', async () => {
    const sim = quiet()
    await sim.run(async () => {
      expect(new Date(0).toISOString()).toBe('1970-01-01T00:00:00.000Z')
      await sim.clock.sleep(1)
    })
    expect(Date.now()).toBeGreaterThan(SIM_EPOCH_MS / 2)
    await new Promise<void>((resolve) => setTimeout(resolve, 0))
  })
})
