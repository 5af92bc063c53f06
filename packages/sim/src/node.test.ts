import { describe, expect, test } from '@jest/globals'
import { assert } from '@zerog/primitives'
import type { NodeEnv } from './node.ts'
import { Sim } from './sim.ts'

const counter = async (env: NodeEnv) => {
  let ticks = 0
  const tick = () => {
    ticks++
    env.clock.after(10, tick)
  }
  tick()
  return { env, ticks: () => ticks, add: async (a: number, b: number) => a + b, hang: () => new Promise<void>(() => {}) }
}

describe('a node', () => {
  test('loses its memory and its timers in a crash, and comes back by itself', async () => {
    const sim = new Sim({ seed: 1n })
    await sim.run(async () => {
      const node = sim.node('worker-3', counter)
      node.start()
      const before = await node.ready()
      expect([before.env.target, before.env.instance, before.env.life]).toEqual(['worker', 3, 1])
      await sim.clock.sleep(100)
      node.crash()
      expect(node.app).toBeUndefined()
      const ticks = before.ticks()
      const after = await node.ready()
      await sim.clock.sleep(500)
      expect(before.ticks()).toBe(ticks)
      expect(after.env.life).toBe(2)
      expect(after.ticks()).toBeGreaterThan(10)
    })
  })

  test('never goes on after an await at which it died, and a caller hears that the outcome is unknown', async () => {
    const sim = new Sim({ seed: 2n })
    await sim.run(async () => {
      let wentOn = false
      const node = sim.node('worker', (env) => ({
        work: async () => {
          await env.clock.sleep(50)
          wentOn = true
        },
      }))
      node.start()
      await node.ready()
      const call = node.call((app) => app.work())
      const outcome = call.then(
        () => 'answered',
        (error) => error.metadata.outcome,
      )
      sim.clock.after(25, () => node.crash({ downMs: null }))
      expect(await outcome).toBe('unknown')
      await sim.clock.sleep(1_000)
      expect(wentOn).toBe(false)
      const refused = await node.call((app) => app.work()).catch((error) => error.metadata.outcome)
      expect(refused).toBe('not_started')
    })
  })

  test('that is paused does nothing, then everything that waited', async () => {
    const sim = new Sim({ seed: 3n })
    await sim.run(async () => {
      const node = sim.node('worker', counter)
      node.start()
      const app = await node.ready()
      await sim.clock.sleep(100)
      node.pause(1_000)
      const ticks = app.ticks()
      const answer = node.call((app) => app.add(1, 2))
      await sim.clock.sleep(900)
      expect(app.ticks()).toBe(ticks)
      expect(await answer).toBe(3)
      expect(sim.nowMs).toBeGreaterThanOrEqual(1_000)
      await sim.clock.sleep(100)
      expect(app.ticks()).toBeGreaterThan(ticks)
    })
  })

  test('that cannot start fails the run, unless the scenario expects it', async () => {
    const broken = () => Promise.reject(new Error('no disk'))
    const strict = new Sim({ seed: 4n })
    const run = strict.run(async () => {
      strict.node('worker', broken).start()
      await strict.clock.sleep(100)
    })
    await expect(run).rejects.toThrow('no disk')
    const tolerant = new Sim({ seed: 4n })
    await tolerant.run(async () => {
      const node = tolerant.node('worker', broken, { tolerate: () => true })
      await expect(node.ready()).rejects.toThrow('no disk')
      expect(node.state).toBe('failed')
    })
  })

  test('stops gracefully: its signal aborts, its stop runs, then nothing does', async () => {
    const sim = new Sim({ seed: 5n })
    await sim.run(async () => {
      const steps: string[] = []
      const node = sim.node('worker', counter, { stop: async () => void steps.push('stopped') })
      node.start()
      const app = await node.ready()
      app.env.signal.addEventListener('abort', () => steps.push('aborted'))
      await node.stop()
      expect(steps).toEqual(['aborted', 'stopped'])
      const ticks = app.ticks()
      await sim.clock.sleep(100)
      expect(app.ticks()).toBe(ticks)
    })
  })

  test('has clocks of its own when clocks are skewed', async () => {
    const sim = new Sim({ seed: 6n, swarm: false, faults: { 'clock.skew': 1 } })
    await sim.run(async () => {
      const nodes = ['a', 'b'].map((name) => sim.node(name, (env) => ({ env })))
      for (const node of nodes) node.start()
      const [a, b] = await Promise.all(nodes.map((node) => node.ready()))
      assert(a && b, 'both are up')
      expect(a.env.clock.nowMs()).not.toBe(b.env.clock.nowMs())
      const startMs = a.env.clock.monotonicMs()
      await sim.clock.sleep(10_000_000)
      const driftMs = a.env.clock.monotonicMs() - startMs - 10_000_000
      expect(Math.abs(driftMs)).toBeGreaterThan(0)
      expect(Math.abs(driftMs)).toBeLessThanOrEqual(5_001)
    })
  })
})
