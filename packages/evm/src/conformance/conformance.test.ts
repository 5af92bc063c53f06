import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type ConformanceCase, runConformance } from './run.ts'

const fixtures = join(process.env.ZEROG_FIXTURES ?? join(process.cwd(), '../shared/fixtures'), 'chain/ethereum-tests')
const present = existsSync(fixtures)
if (!present && process.env.ZEROG_REQUIRE_FIXTURES === '1') throw new Error(`fixtures are missing: ${fixtures}`)
const describeFixtures = present ? describe : describe.skip

/** All of them by `zerog chain conformance`, and here in a long run. */
const EVERY = process.env.ZEROG_TEST_LONG === '1' || process.env.ZEROG_CONFORMANCE === 'all' ? 1 : 6

async function collect(path: string, options: Partial<Parameters<typeof runConformance>[1]> = {}): Promise<ConformanceCase[]> {
  const cases: ConformanceCase[] = []
  for await (const found of runConformance(path, { engine: 'zerog', ...options })) cases.push(found)
  return cases
}

const count = (cases: readonly ConformanceCase[], outcome: ConformanceCase['outcome']): number =>
  cases.filter((found) => found.outcome === outcome).length

describeFixtures('ethereum/tests', () => {
  test(`every case of ${EVERY === 1 ? 'GeneralStateTests' : `each ${EVERY}th file of GeneralStateTests`} passes`, async () => {
    const cases = await collect(join(fixtures, 'GeneralStateTests'), { every: EVERY })
    expect(cases.filter(({ outcome }) => outcome === 'failed')).toEqual([])
    // Files differ in how many cases they hold.
    expect(count(cases, 'passed')).toBeGreaterThan(EVERY === 1 ? 2_500 : 200)
    expect(new Set(cases.map(({ engine }) => engine))).toEqual(new Set(['zerog', 'none']))
  }, 1_200_000)

  test.each([
    ['TransactionTests', 950, 'zerog codec'],
    ['TrieTests', 25, 'zerog trie'],
    ['RLPTests', 50, 'zerog rlp'],
  ])('every case of %s passes', async (folder, least, engine) => {
    const cases = await collect(join(fixtures, folder))
    expect(cases.filter(({ outcome }) => outcome === 'failed')).toEqual([])
    const passed = cases.filter(({ outcome }) => outcome === 'passed')
    expect(passed.length).toBeGreaterThan(least)
    expect([...new Set(passed.map((found) => found.engine))]).toEqual([engine])
    for (const { outcome, reason } of cases)
      if (outcome === 'skipped') expect(reason).toMatch(/^(fork|not a JSON file|unknown form)/)
  })

  test('a part of the state tests passes with the interpreter of @ethereumjs too', async () => {
    const cases = await collect(join(fixtures, 'GeneralStateTests'), { engine: 'ethereumjs', every: 24 })
    expect(cases.filter(({ outcome }) => outcome === 'failed')).toEqual([])
    expect(count(cases, 'passed')).toBeGreaterThan(50)
  })
})

describe('a folder that nobody has seen', () => {
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zerog-conformance-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))
  const write = (name: string, content: unknown) =>
    writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))

  // A transfer of 0 wei from an account that nobody else touches, with values in every spelling.
  const sender = '0xa94f5374fce5edbc8e2a8697c15331677e6ebf0b'
  const transfer = {
    env: {
      currentNumber: '0x1',
      currentTimestamp: 1000,
      currentGasLimit: '0xfffff',
      currentCoinbase: '2adc',
      currentBaseFee: '0x7',
    },
    pre: { [sender]: { balance: '0xfffffff', nonce: '0x', code: '', storage: { '0x1': '0x0', '0x': '0x2' } } },
    transaction: {
      sender,
      to: '0x64',
      nonce: '0x',
      gasPrice: '0x7',
      gasLimit: ['0x5208', '0x5207'],
      value: ['0x0', '0x:bigint 0x10000000000000000000000000000000000000000000000000000000000000001'],
      data: ['0x'],
    },
  }
  const noLogs = '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347'
  const hash = `0x${'11'.repeat(32)}`
  const post = (value: number, extra: object) => ({ indexes: { data: 0, gas: 0, value }, hash, logs: noLogs, ...extra })

  test('a wrong root fails, and the case names engine, fork and index', async () => {
    await write('state.json', { transfer: { ...transfer, post: { Prague: [post(0, {})], Osaka: [post(0, {})] } } })
    const [failed, skipped] = await collect(folder)
    expect(failed).toMatchObject({ kind: 'state', engine: 'zerog', outcome: 'failed', name: 'transfer Prague 0' })
    expect(failed?.reason).toMatch(/^root 0x[0-9a-f]{64}, wanted 0x1111/)
    expect(skipped).toMatchObject({ outcome: 'skipped', reason: 'fork Osaka: not one of Cancun, Prague' })
    // With the root that came out it passes, and with another one for the logs it does not.
    const root = /^root (0x[0-9a-f]{64})/.exec(failed?.reason ?? '')?.[1]
    const again = { Cancun: [post(0, { hash: root })], Prague: [post(0, { hash: root, logs: hash })] }
    await write('state.json', { transfer: { ...transfer, post: again } })
    expect((await collect(folder)).map(({ outcome }) => outcome)).toEqual(['passed', 'failed'])
  })

  test('an expected exception passes only with a refusal, and the other way round', async () => {
    const expectException = 'TransactionException.ANY'
    const little = { ...post(0, { expectException }), indexes: { data: 0, gas: 1, value: 0 } }
    const [failed] = await (async () => {
      await write('state.json', { transfer: { ...transfer, post: { Prague: [post(0, { expectException })] } } })
      return collect(folder)
    })()
    expect(failed?.reason).toBe(`accepted, wanted ${expectException}`)
    await write('state.json', { transfer: { ...transfer, post: { Prague: [little, post(1, { expectException })] } } })
    // Refused both; the root then is that of the state before, which this test does not know.
    for (const { reason } of await collect(folder)) expect(reason).toMatch(/^root/)
    await write('state.json', { transfer: { ...transfer, post: { Prague: [{ ...little, expectException: undefined }] } } })
    expect((await collect(folder))[0]?.reason).toMatch(/^refused: intrinsic gas too low/)
  })

  test('other kinds of tests are skipped with their name, unknown files are named, damaged ones too', async () => {
    await mkdir(join(folder, 'deep', 'er'), { recursive: true })
    await write('a-blocks.json', { chain: { blocks: [], genesisBlockHeader: {}, pre: {} } })
    await write('b-engine.json', { chain: { engineNewPayloads: [], genesisBlockHeader: {} } })
    await write('c-difficulty.json', { d: { Berlin: { t1: { currentDifficulty: '0x1' } }, _info: {} } })
    await write('d-eof.json', { e: { vectors: {} } })
    await write('deep/er/e-strange.json', { what: { is: 'this' } })
    await write('f-list.json', '[1, 2]')
    await write('g-cut.json', '{ "a": { "in": "dog", "out": "0x83646f')
    await write('h-notes.txt', 'not a test')
    await write('i-empty.json', '')
    await write('j-info.json', { _info: { comment: 'nothing else' } })
    const cases = await collect(folder)
    expect(cases.map(({ file, outcome, reason }) => [file.split('/').at(-1), outcome, reason?.split(':')[0]])).toEqual([
      ['a-blocks.json', 'skipped', 'blockchain test'],
      ['b-engine.json', 'skipped', 'engine test'],
      ['c-difficulty.json', 'skipped', 'difficulty test'],
      ['d-eof.json', 'skipped', 'EOF test'],
      ['e-strange.json', 'skipped', 'unknown form'],
      ['f-list.json', 'skipped', 'unknown form'],
      ['g-cut.json', 'failed', 'the file is damaged'],
      ['h-notes.txt', 'skipped', 'not a JSON file'],
      ['i-empty.json', 'skipped', 'unknown form'],
    ])
  })

  test('rlp, trie and transaction tests that are wrong fail', async () => {
    await write('rlp.json', {
      right: { in: ['cat', '#1'], out: 'c58363617401' },
      wrong: { in: 'dog', out: '0x83646f68' },
      accepted: { in: 'INVALID', out: '0x83646f67' },
      refused: { in: 'VALID', out: '0xf800' },
    })
    const root = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
    await write('trie.json', {
      gone: {
        in: [
          ['a', 'b'],
          ['a', null],
        ],
        root,
      },
      wrong: { in: { a: 'b' }, root },
      unreadable: { in: { a: 5 }, root },
    })
    await write('tx.json', {
      half: { txbytes: '0xf', result: { Prague: { exception: 'any' }, Frontier: { exception: 'any' } } },
      bad: { txbytes: '0xc0', result: { Cancun: { hash, sender } } },
    })
    const cases = await collect(folder)
    expect(cases.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['right', 'passed'],
      ['wrong', 'failed'],
      ['accepted', 'failed'],
      ['refused', 'failed'],
      ['gone', 'passed'],
      ['wrong', 'failed'],
      ['unreadable', 'failed'],
      ['half Prague', 'passed'],
      ['half Frontier', 'skipped'],
      ['bad Cancun', 'failed'],
    ])
  })

  test('names and texts may hold any character, split over chunks of the file', async () => {
    const long = 'ä"\\{}[]:,'.repeat(200_000)
    const encoded = Buffer.from(long)
    const out = `fa${encoded.length.toString(16).padStart(6, '0')}${encoded.toString('hex')}`.replace(/^fa/, 'ba')
    await write(
      'rlp.json',
      `\uFEFF${JSON.stringify({ 'a"b\\:,{': { in: long, out }, last: { in: 'x', out: '0x78' } }, null, 2)}\n`,
    )
    expect((await collect(folder)).map(({ name, outcome }) => [name, outcome])).toEqual([
      ['a"b\\:,{', 'passed'],
      ['last', 'passed'],
    ])
  })
})
