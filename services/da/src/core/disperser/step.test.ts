import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createState, type DisperserEffect, type DisperserEvent, type DisperserRules } from './state.ts'
import { nextWakeMs, step } from './step.ts'
import { hasQuorum } from './window.ts'

const rules: DisperserRules = {
  flushBytes: 1000,
  bundleBytesMax: 4000,
  partsMax: 100,
  flushMs: 100,
  idleMs: 5,
  codingMax: 2,
  windowsMax: 2,
  windowBundlesMax: 8,
  graceMs: 50,
  retryFirstMs: 100,
  retryMaxMs: 1000,
  giveUpMs: 20_000,
  refillsMax: 2,
  refillFirstMs: 500,
}

type Behaviour = 'honest' | 'stopped' | 'lying' | 'withholding' | 'slow'
type World = {
  readonly stakes: readonly bigint[]
  readonly behaviours: readonly Behaviour[]
  /** The next so many calls to an encoder fail. */
  encoderFailures?: number
  readonly random: () => number
  readonly rules?: DisperserRules
}

/**
 * Runs the core against a simulated outside: encoders, members and a repository that answer after some time, in any order. Keeps the books
 * that an outsider would keep: which window certified which bundle, with whom.
 */
function simulate(
  world: World,
  blobs: readonly number[],
  options: { readonly maxMs: number; readonly crashAtMs?: readonly number[] },
) {
  const total = world.stakes.length
  const inForce = world.rules ?? rules
  const repository = {
    queued: blobs.map((lengthBytes, index) => ({ blobId: String(index), part: 0, lengthBytes })),
    bundles: new Map<
      string,
      { parts: string[]; windowId: string | undefined; members: readonly number[]; submitted: boolean; failed: boolean }
    >(),
  }
  const certified = new Map<string, { readonly bundleIds: readonly string[]; readonly members: readonly number[] }>()
  let nowMs = 0
  let bundleCount = 0
  let failuresLeft = world.encoderFailures ?? 0
  let state = createState()
  let life = 0
  let pending: { atMs: number; life: number; run: () => void }[] = []
  const windows = new Map<string, readonly string[]>()

  const later = (delayMs: number, run: () => void) => pending.push({ atMs: nowMs + delayMs, life, run })
  const dispatch = (event: DisperserEvent) => {
    for (const effect of step(state, event, { nowMs, random: world.random }, inForce)) perform(effect)
  }

  function perform(effect: DisperserEffect): void {
    switch (effect.kind) {
      case 'create': {
        const id = `bundle ${bundleCount++}`
        const parts = effect.batch.parts.map(({ blobId }) => blobId)
        return void later(world.random() * 10, () => {
          repository.bundles.set(id, { parts, windowId: undefined, members: [], submitted: false, failed: false })
          repository.queued = repository.queued.filter(({ blobId }) => !parts.includes(blobId))
          dispatch({ kind: 'bundle_created', id, epoch: 1n, committee: 0, stakes: world.stakes })
        })
      }
      case 'code': {
        if (failuresLeft-- > 0) {
          const failure = { reason: 'DEPENDENCY_UNAVAILABLE', message: 'no encoder' }
          return void later(5, () => dispatch({ kind: 'coding_ended', id: effect.id, failure }))
        }
        let lastMs = 0
        for (let member = 0; member < total; member++) {
          if (effect.done.includes(member)) continue
          const behaviour = world.behaviours[member] as Behaviour
          const delayMs = behaviour === 'slow' ? 3000 : world.random() * 50
          lastMs = Math.max(lastMs, delayMs)
          later(delayMs, () => dispatch({ kind: 'outcome', id: effect.id, member, stored: behaviour !== 'stopped' }))
        }
        return void later(lastMs + 1, () => dispatch({ kind: 'coding_ended', id: effect.id }))
      }
      case 'open':
        return void windows.set(effect.windowId, effect.bundleIds)
      case 'ask': {
        const behaviour = world.behaviours[effect.member] as Behaviour
        const kind = behaviour === 'withholding' ? 'refused' : 'signature'
        return void later(world.random() * 20, () => dispatch({ kind, windowId: effect.windowId, member: effect.member }))
      }
      case 'verify': {
        const liars = effect.members.filter((member) => world.behaviours[member] === 'lying')
        const proven = effect.members.filter((member) => !liars.includes(member))
        return void later(1, () => dispatch({ kind: 'verified', windowId: effect.windowId, proven, liars }))
      }
      case 'certify': {
        const bundleIds = windows.get(effect.windowId) ?? []
        for (const id of bundleIds) {
          const bundle = repository.bundles.get(id)
          // What the repository refuses with WRONG_STATE.
          expect(bundle?.windowId ?? effect.windowId).toBe(effect.windowId)
          if (bundle !== undefined) Object.assign(bundle, { windowId: effect.windowId, members: effect.members })
        }
        return void certified.set(effect.windowId, { bundleIds, members: effect.members })
      }
      case 'submit':
        for (const id of windows.get(effect.windowId) ?? []) Object.assign(repository.bundles.get(id) ?? {}, { submitted: true })
        return
      case 'fail':
        return void Object.assign(repository.bundles.get(effect.id) ?? {}, { failed: true })
      case 'settled':
      case 'drop_window':
        return
    }
  }

  /** A new process: nothing but the repository is left, and what ran has ended. */
  function restart(): void {
    life++
    state = createState()
    for (const [id, bundle] of repository.bundles) {
      if (bundle.failed) continue
      if (bundle.windowId !== undefined) bundle.submitted = true
      const stored = world.stakes.map(() => false)
      dispatch({
        kind: 'bundle_restored',
        id,
        epoch: 1n,
        committee: 0,
        stakes: world.stakes,
        stored,
        certified: bundle.windowId !== undefined,
      })
    }
    for (const part of repository.queued) dispatch({ kind: 'part_accepted', part, retentionSeconds: 60 })
  }

  const crashes = [...(options.crashAtMs ?? [])].sort((a, b) => a - b)
  restart()
  while (nowMs < options.maxMs) {
    pending = pending.filter((one) => one.life === life).sort((a, b) => a.atMs - b.atMs)
    const wakeMs = nextWakeMs(state, inForce) ?? Number.POSITIVE_INFINITY
    const nextMs = Math.min(wakeMs, pending[0]?.atMs ?? Number.POSITIVE_INFINITY, crashes[0] ?? Number.POSITIVE_INFINITY)
    if (nextMs === Number.POSITIVE_INFINITY) break
    nowMs = Math.max(nowMs, nextMs)
    if (crashes[0] !== undefined && crashes[0] <= nowMs) {
      crashes.shift()
      restart()
    } else if (pending[0] !== undefined && pending[0].atMs <= nowMs) pending.shift()?.run()
    else dispatch({ kind: 'wake' })
  }
  return { repository, certified, state, nowMs }
}

/** mulberry32: the seed is fast-check's. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const honest = (count: number): Behaviour[] => Array.from({ length: count }, () => 'honest')
const sizes = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 12 })

/** A committee and bad members whose stake is at most a third of it. */
const committee = fc
  .record({
    stakes: fc.array(fc.bigInt({ min: 1n, max: 50n }), { minLength: 3, maxLength: 12 }),
    wishes: fc.array(fc.constantFrom<Behaviour>('stopped', 'lying', 'withholding', 'slow'), { minLength: 12, maxLength: 12 }),
    order: fc.array(fc.nat(), { minLength: 12, maxLength: 12 }),
  })
  .map(({ stakes, wishes, order }) => {
    const total = stakes.reduce((sum, stake) => sum + stake, 0n)
    const behaviours = honest(stakes.length)
    let bad = 0n
    for (const member of [...stakes.keys()].sort((a, b) => (order[a] ?? 0) - (order[b] ?? 0))) {
      const stake = stakes[member] as bigint
      if (3n * (bad + stake) > total) continue
      bad += stake
      behaviours[member] = wishes[member] as Behaviour
    }
    return { stakes, behaviours }
  })

function expectAllCertifiedOnce(
  { repository, certified }: ReturnType<typeof simulate>,
  stakes: readonly bigint[],
  blobs: number,
): void {
  expect(repository.queued).toEqual([])
  const inBundles = [...repository.bundles.values()].flatMap(({ parts }) => parts)
  expect(inBundles.length).toBe(blobs)
  expect(new Set(inBundles).size).toBe(blobs)
  for (const { windowId, submitted, failed } of repository.bundles.values()) {
    expect(failed).toBe(false)
    expect(windowId).toBeDefined()
    expect(submitted).toBe(true)
  }
  for (const { members } of certified.values()) expect(hasQuorum(stakes, (member) => members.includes(member))).toBe(true)
}

describe('the disperser core', () => {
  test('certifies every blob exactly once, whichever third of the stake is stopped, lying, withholding or slow', () => {
    fc.assert(
      fc.property(committee, sizes, fc.integer(), ({ stakes, behaviours }, blobs, seed) => {
        const run = simulate({ stakes, behaviours, random: randomOf(seed) }, blobs, { maxMs: 60_000 })
        expectAllCertifiedOnce(run, stakes, blobs.length)
        expect(run.state.bundles.size).toBe(0)
      }),
      { numRuns: 150 },
    )
  })

  test('certifies every blob exactly once, wherever it crashes and however often', () => {
    const crashes = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 6 })
    fc.assert(
      fc.property(committee, sizes, crashes, fc.integer(), ({ stakes, behaviours }, blobs, crashAtMs, seed) => {
        const run = simulate({ stakes, behaviours, random: randomOf(seed), encoderFailures: Math.abs(seed) % 4 }, blobs, {
          maxMs: 60_000,
          crashAtMs,
        })
        expectAllCertifiedOnce(run, stakes, blobs.length)
      }),
      { numRuns: 150 },
    )
  })

  test('certifies nothing and gives up with the reason while more than a third is stopped', () => {
    const behaviours: Behaviour[] = ['honest', 'honest', 'stopped', 'stopped']
    const { repository, certified, state, nowMs } = simulate(
      { stakes: [1n, 1n, 1n, 1n], behaviours, random: randomOf(1) },
      [100],
      { maxMs: 60_000 },
    )
    expect(certified.size).toBe(0)
    expect([...repository.bundles.values()]).toMatchObject([{ failed: true, submitted: false }])
    expect(state.bundles.size).toBe(0)
    expect(nowMs).toBeGreaterThan(rules.giveUpMs)
  })

  test('never gives a blob up because of its own encoders', () => {
    const world = { stakes: [1n, 1n, 1n], behaviours: honest(3), random: randomOf(2), encoderFailures: 100 }
    const { repository } = simulate(world, [100], { maxMs: 200_000 })
    expect([...repository.bundles.values()]).toMatchObject([{ failed: false, submitted: true }])
  })

  test('lets bundles that are ready share a window', () => {
    const blobs = Array.from({ length: 12 }, () => 990)
    const sharing = { ...rules, codingMax: 8, windowsMax: 1 }
    const world = { stakes: [1n, 1n, 1n, 1n], behaviours: honest(4), random: randomOf(3), rules: sharing }
    const { certified, repository } = simulate(world, blobs, { maxMs: 60_000 })
    expect(repository.bundles.size).toBe(12)
    expect(certified.size).toBeLessThan(8)
  })

  test('does not wait for a slow member, and gives it its rows later', () => {
    const world = {
      stakes: [1n, 1n, 1n, 1n],
      behaviours: ['honest', 'honest', 'honest', 'slow'] as Behaviour[],
      random: randomOf(4),
    }
    const { certified } = simulate(world, [100], { maxMs: 400 })
    expect([...certified.values()].at(-1)?.members).toEqual([0, 1, 2])
    const later = simulate({ ...world, random: randomOf(4) }, [100], { maxMs: 60_000 })
    expect(later.state.bundles.size).toBe(0)
  })
})
