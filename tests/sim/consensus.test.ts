import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import * as consensus from '@zerog/consensus'
import { type Block, type Effect, type Event, type LogRecord, restore, step } from '@zerog/consensus'
import { Prng } from '@zerog/sim'
import { runConsensus } from './src/consensus/command.ts'
import { MUTANTS } from './src/consensus/mutants.ts'
import { calmCluster, hostileCluster, runHostile } from './src/consensus/scenario.ts'
import { readCorpus } from './src/corpus.ts'

const LONG = process.env.ZEROG_TEST_LONG === '1'
const TIMEOUT_MS = LONG ? 3_600_000 : 600_000

const FAULTS = [
  'lost',
  'duplicated',
  'crashed',
  'partitioned',
  'left_out',
  'synchronized',
  'evidence_nullify_and_finalize',
  'evidence_conflicting_notarize',
  'evidence_conflicting_finalize',
  'evidence_invalid_proposal',
]

/** What a script of the simulator prints, JSON by line; what it complains of is the failure. */
function runScript(name: string, args: readonly string[]): Record<string, unknown>[] {
  const script = fileURLToPath(new URL(`src/consensus/${name}`, import.meta.url))
  const { stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  expect(stderr).toBe('')
  const lines = stdout.trim().split('\n')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('the voter under loss, delay, partitions, crashes and lies', () => {
  for (const { count, seeds } of [
    { count: 4, seeds: LONG ? 8_000 : 320 },
    { count: 7, seeds: LONG ? 1_800 : 15 },
    { count: 31, seeds: LONG ? 200 : 1 },
  ]) {
    test(
      `agrees, never contradicts itself and recovers with ${count} validators, the first ${seeds} seeds`,
      () => {
        const [report] = runScript('campaign.ts', ['--split', `${count}:${seeds}`])
        expect(report).toMatchObject({ validators: count, seeds, failures: [] })
        const faults = report?.faults as Record<string, number>
        // A campaign that never met a fault would prove nothing.
        for (const fault of count === 4 ? FAULTS : []) expect({ [fault]: faults[fault] ?? 0 }).not.toEqual({ [fault]: 0 })
      },
      TIMEOUT_MS,
    )
  }

  test('gives one hash for two runs of a seed', () => {
    for (const seed of [1n, 2n, 3n]) expect(runHostile(consensus, seed, 4).hash).toBe(runHostile(consensus, seed, 4).hash)
  })
})

test('seeds of the corpus hold', () => {
  const seeds = readCorpus('consensus')
  expect(seeds.length).toBeGreaterThan(0)
  for (const seed of seeds) expect(() => runConsensus({ seed })).not.toThrow()
})

test('with 50 ms links a block is final after three of them plus execution', () => {
  const cluster = calmCluster(consensus, { count: 4, delayMs: 50, executionMs: 5 })
  const report = cluster.run({ faultyMs: 20_000, blocks: 1 })
  const finality = cluster.finalityMs.toSorted((a, b) => a - b)
  expect(report.height).toBeGreaterThan(100)
  expect(finality[Math.floor(finality.length / 2)]).toBeLessThanOrEqual(200)
})

describe.each([{ count: 4, deaths: 1 }, { count: 7, deaths: 2 }, ...(LONG ? [{ count: 31, deaths: 10 }] : [])])(
  'when $deaths of $count validators die',
  ({ count, deaths }) => {
    test('the views that they lead are lost and at most two others, and a dead leader costs no waiting after a while', () => {
      const atMs = 3_000
      const cluster = calmCluster(consensus, { count, delayMs: 50, executionMs: 5, deaths: { count: deaths, atMs } })
      cluster.run({ faultyMs: count > 10 ? 8_000 : 20_000, blocks: 1 })
      const after = cluster.finalizations.filter((each) => each.atMs > atMs)
      const [first, last] = [after[0], after.at(-1)] as [(typeof after)[number], (typeof after)[number]]
      const final = new Set(cluster.finalizations.map(({ view }) => view))
      const lost: number[] = []
      for (let view = first.view - 2; view < last.view; view++)
        if (!final.has(view) && !cluster.dead.has(cluster.leaderOf(0, view))) lost.push(view)
      expect(cluster.dead.size).toBe(deaths)
      expect(lost.length).toBeLessThanOrEqual(2)
      // Once known to be silent, a dead leader is not waited for: a view of his costs one hop of nullify votes, not a timeout.
      const late = after.filter((each) => each.view > first.view + 40)
      const gapsMs = late
        .slice(1)
        .map(
          ({ view, atMs: end }, index) =>
            (end - (late[index] as typeof first).atMs) / (view - (late[index] as typeof first).view),
        )
      if (late.length > 20) expect(Math.max(...gapsMs)).toBeLessThanOrEqual(50 + 50 + 5 + 5 + 2 * 2 + 50)
    })
  },
)

/** Everything that one honest validator saw and logged in the first epoch of a hostile run. */
function recordedRun(seed: bigint) {
  const events: Event[] = []
  const log: LogRecord[] = []
  const blocks: Block[] = []
  const observe = {
    onStep: (node: { index: number }, epoch: number, event: Event, effects: readonly Effect[]) => {
      if (node.index !== honest.index || epoch !== 0) return
      events.push(event)
      for (const effect of effects) {
        if (effect.type === 'persist') log.push(effect.record)
        if (effect.type === 'store') blocks.push(effect.block)
      }
    },
  }
  const cluster = hostileCluster(consensus, seed, 4, observe)
  const honest = cluster.nodes.find((node) => cluster.isHonest(node)) as (typeof cluster.nodes)[number]
  let config: consensus.VoterConfig | undefined
  const start = honest.start.bind(honest)
  honest.start = () => {
    start()
    config ??= honest.voters.get(0)?.config
  }
  cluster.run({ faultyMs: 1_500, blocks: 3 })
  return { events, log, blocks, config: config as consensus.VoterConfig }
}

test('a restart at any prefix of the log never contradicts what was logged before it', () => {
  let prefixes = 0
  for (const seed of [11n, 12n, 13n, 14n]) {
    const { events, log, blocks, config } = recordedRun(seed)
    const prng = Prng.fromSeed(seed)
    for (let length = 0; length <= log.length; length++) {
      const prefix = withoutRepeats(log.slice(0, length))
      const said = new Map(
        prefix.flatMap((record) =>
          record.type === 'vote' ? [[`${record.ballot.kind}/${record.ballot.view}`, record.ballot]] : [],
        ),
      )
      const state = restore(config, { blocks, log: prefix })
      const votes: consensus.Ballot[] = []
      const feed = (event: Event, nowMs: number) => {
        for (const effect of step(state, event, { nowMs })) {
          if (effect.type === 'persist' && effect.record.type === 'vote') votes.push(effect.record.ballot)
        }
      }
      feed({ type: 'started' }, 0)
      // The same world again, from the start and out of order, with every timer long over.
      for (const [index, event] of [...prng.shuffle(events), ...events].entries())
        feed(event.type === 'started' ? { type: 'time_passed' } : event, 10_000 * index)
      for (const ballot of votes) {
        expect(said.get(`${ballot.kind}/${ballot.view}`)).toBeUndefined()
        if (ballot.kind === 'finalize') expect(said.get(`nullify/${ballot.view}`)).toBeUndefined()
        if (ballot.kind === 'nullify') expect(said.get(`finalize/${ballot.view}`)).toBeUndefined()
      }
      prefixes++
    }
  }
  expect(prefixes).toBeGreaterThan(100)
}, 300_000)

/** A crash may have lost the tail, so the recorded run may have logged a vote twice; one log never holds both. */
function withoutRepeats(log: readonly LogRecord[]): LogRecord[] {
  const seen = new Set<string>()
  return log.filter((record) => {
    const ballot = record.type === 'vote' ? record.ballot : record.certificate.ballot
    const key = `${record.type}/${ballot.kind}/${ballot.view}`
    return seen.has(key) ? false : seen.add(key)
  })
}

test(
  'planted one-line bugs are caught',
  () => {
    const seeds = LONG ? 1_000 : 64
    const results = runScript('mutants-main.ts', ['--seeds', String(seeds)])
    const missed = results.filter(({ caught }) => !caught).map(({ mutant }) => mutant)
    expect(missed).toEqual(['none'])
    expect(results.length).toBe(MUTANTS.length + 1)
  },
  TIMEOUT_MS,
)
