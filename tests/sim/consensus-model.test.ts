import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import type { Exploration } from './src/consensus/model/explore.ts'
import type { Bounds } from './src/consensus/model/universe.ts'

const LONG = process.env.ZEROG_TEST_LONG === '1'

type Case = Bounds & { readonly what: string; readonly statesMin: number }

const CASES: readonly Case[] = [
  { what: 'a lying leader', leaders: 'b', views: 1, secondProposals: true, statesMin: 100 },
  {
    what: 'a lying leader whose second block fails',
    leaders: 'b',
    views: 1,
    flawed: true,
    secondProposals: true,
    statesMin: 100,
  },
  { what: 'a lying leader and a restart of each validator at any point', leaders: 'b', views: 1, restarts: 1, statesMin: 5_000 },
  { what: 'an honest leader and a restart of each validator at any point', leaders: '0', views: 1, restarts: 1, statesMin: 500 },
  { what: 'two honest leaders at the end of an epoch', leaders: '01', views: 2, heightLast: 1, statesMin: 10_000 },
  { what: 'a lying leader, then an honest one', leaders: 'b0', views: 2, statesMin: 50_000 },
]

const LONG_CASES: readonly Case[] = [
  { what: 'an honest leader, then a lying one', leaders: '0b', views: 2, statesMin: 100_000 },
  { what: 'lying leaders', leaders: 'bb', views: 2, statesMin: 200_000 },
  { what: 'lying leaders at the end of an epoch', leaders: 'bb', views: 2, heightLast: 1, statesMin: 50_000 },
  { what: 'lying leaders whose second blocks fail', leaders: 'bb', views: 2, flawed: true, statesMin: 200_000 },
  { what: 'two honest leaders', leaders: '01', views: 2, statesMin: 40_000 },
  { what: 'one honest leader twice', leaders: '00', views: 2, statesMin: 20_000 },
]

/** In a process of its own: under jest the search takes five times as long. */
function search({ leaders, flawed, secondProposals, restarts = 0, heightLast = 1_000 }: Bounds): Exploration {
  const script = fileURLToPath(new URL('src/consensus/model/main.ts', import.meta.url))
  const flags = [...(flawed ? ['--flawed'] : []), ...(secondProposals ? ['--second-proposals'] : [])]
  const args = ['--leaders', leaders, '--restarts', String(restarts), '--height-last', String(heightLast), ...flags]
  const { stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  expect(stderr).toBe('')
  return JSON.parse(stdout) as Exploration
}

describe('every order of deliveries and timeouts among three honest validators and a liar keeps agreement and comes to an end', () => {
  test.each(LONG ? [...CASES, ...LONG_CASES] : CASES)(
    'with $what',
    ({ statesMin, ...bounds }) => {
      const { violation, story, isComplete, states, ends } = search(bounds)
      expect({ violation, story }).toEqual({ violation: undefined, story: [] })
      expect(isComplete).toBe(true)
      expect(states).toBeGreaterThan(statesMin)
      expect(ends).toBeGreaterThan(0)
    },
    LONG ? 1_800_000 : 600_000,
  )
})
