import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { runSeed } from './differential/campaign.ts'
import { type RunOptions, runScenario } from './differential/run-scenario.ts'

const main = fileURLToPath(new URL('differential/main.ts', import.meta.url))
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zerog-differential-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** The command as people run it: what differs is printed with its scenario. A process of its own, because jest halves its speed. */
async function campaign(args: readonly string[]): Promise<string> {
  const run = promisify(execFile)(process.execPath, [main, ...args], { cwd: folder, maxBuffer: 1 << 26 })
  // Exit code 1 comes with what differs.
  return run.then(
    ({ stdout }) => stdout,
    (error: { readonly stdout?: string }) => error.stdout || String(error),
  )
}

describe('our execution against @ethereumjs/vm', () => {
  test('20,000 transactions of random chains: same roots, gas, logs and receipts, and every message of each fifth chain', async () => {
    const output = await campaign(['--cases', '20000', '--frames', '5'])
    expect(output).toBe('20016 cases on engine zerog, 0 seeds or kept cases with differences\n')
  }, 1_800_000)

  test('the other interpreter on our state, trie and transition does the same', async () => {
    const output = await campaign(['--cases', '480', '--engine', 'ethereumjs', '--frames', '2'])
    expect(output).toBe('480 cases on engine ethereumjs, 0 seeds or kept cases with differences\n')
  }, 600_000)

  // Ten seconds go into loading c-kzg.
  const long = process.env.ZEROG_TEST_LONG === '1' ? test : test.skip
  long(
    'the oracle with its own hash, curve and point evaluation does the same',
    async () => {
      expect(await campaign(['--cases', '240', '--portable'])).toContain(' 0 seeds or kept cases with differences')
    },
    600_000,
  )

  test('a campaign that was stopped goes on where it was', async () => {
    const state = join(folder, 'state.json')
    await campaign(['--cases', '4800', '--frames', '0', '--state', state, '--seeds', '1'])
    await campaign(['--cases', '96', '--frames', '0', '--state', state])
    // 96 cases are two seeds of 48: both runs together made just those.
    expect(await campaign(['--cases', '96', '--frames', '0', '--state', state])).toBe(
      '96 cases on engine zerog, 0 seeds or kept cases with differences\n',
    )
  }, 600_000)
})

test('a difference is found and cut down to the transaction that shows it', async () => {
  // Another PREVRANDAO for our side only.
  const disturb: RunOptions['disturb'] = (environment) => ({ ...environment, prevRandao: `0x${'cd'.repeat(32)}` })
  for (let seed = 1n; seed < 30n; seed++) {
    const options = { engine: 'zerog', frames: false, replay: false, disturb } as const
    const { failure } = await runSeed(seed, options, 120)
    if (failure === undefined) continue
    const { blocks } = failure.scenario
    expect(blocks.flatMap(({ transactions }) => transactions).length).toBeLessThanOrEqual(2)
    expect((await runScenario(failure.scenario, options)).difference).toEqual(failure.difference)
    expect((await runScenario(failure.scenario, { ...options, disturb: undefined })).difference).toBeUndefined()
    return
  }
  throw new Error('no seed showed the difference')
})
