import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { processesOf, removeDevnet, startDevnet, type TestDevnet, temporaryFolder, zerog } from './devnet.ts'

jest.setTimeout(180_000)

const SHAPES = [
  ['one process', []],
  ['one process per target', ['--processes', '--storage-nodes', '2']],
] as const

type Step = { readonly layer: string; readonly step: string; readonly id: string }
const storedRoot = (steps: readonly Step[]) => steps.findLast(({ layer }) => layer === 'storage')?.id as string

describe.each(SHAPES)('%s', (_shape, flags) => {
  let devnet: TestDevnet
  let root: string
  beforeAll(async () => {
    devnet = await startDevnet(await temporaryFolder(), ...flags)
  })
  afterAll(() => removeDevnet(devnet.dataDir))

  test('the demo verifies every step', async () => {
    const { code, json, err } = await devnet.zerog('demo', '--json')
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' })
    const { steps, verified } = json().data
    expect(verified).toBe(true)
    const layers = { chain: 4, storage: 4, da: 3, compute: 3 }
    expect(steps.map(({ layer }: Step) => layer)).toEqual(
      Object.entries(layers).flatMap(([name, count]) => Array(count).fill(name)),
    )
    root = storedRoot(steps)
  })

  test('the same input again is not paid twice', async () => {
    const { steps } = (await devnet.zerog('demo', '--json')).json().data
    const stored = steps.find(({ step }: Step) => step === 'store them')
    // Somebody who edits sources while the tests run makes other input, which is paid.
    const same = storedRoot(steps) === root
    expect({ same, paid: 'fee' in stored }).toEqual({ same, paid: !same })
    root = storedRoot(steps)
  })

  test('the doctor finds nothing', async () => {
    const { code, json } = await devnet.zerog('doctor', '--json')
    expect(json().data.checks.filter(({ state }: { state: string }) => state === 'failed')).toEqual([])
    expect(code).toBe(0)
  })

  test('down leaves no process, the evidence of the demo holds without any, and a second start has everything that was there', async () => {
    const before = (await devnet.zerog('chain', 'status', '--json')).json().data
    expect((await devnet.zerog('down', '--json')).json().data).toMatchObject({ stopped: true, killed: 0 })
    expect(processesOf(devnet.dataDir)).toEqual([])
    await expectEvidence(devnet, before.finality.validatorSetHash)
    expect((await devnet.zerog('doctor', '--deep', '--json')).json().data).toMatchObject({ healthy: true })
    devnet = await startDevnet(devnet.dataDir, ...flags)
    // Services send transactions of their own, so the head may be another one by now.
    const same = (await devnet.zerog('chain', 'block', String(before.height), '--json')).json().data
    expect(same.hash).toBe(before.blockHash)
    expect((await devnet.zerog('storage', 'check', root, '--json')).json().data).toMatchObject({ root, verified: true })
  })
})

/** Of the demo's last answer, with nothing but the file and the hash of the validators. */
async function expectEvidence(devnet: TestDevnet, validatorSetHash: string): Promise<void> {
  const file = join(devnet.dataDir, 'demo.0gev')
  const { code, json } = await zerog(['verify', file, '--trust', validatorSetHash, '--json'])
  const links: readonly { readonly name: string; readonly state: string }[] = json().data.links
  expect(links.filter(({ state }) => state !== 'proven')).toEqual([])
  expect({ code, count: links.length }).toEqual({ code: 0, count: 11 })
  // In full, with request and answer; the bound of the issue is for hashes alone.
  expect((await readFile(file)).length).toBeLessThan(65_536)
  const other = await zerog(['verify', file, '--trust', `0x${'5c'.repeat(32)}`, '--json'])
  expect(other.code).toBe(9)
  expect(
    other
      .json()
      .data.links.filter(({ ok }: { ok: boolean }) => !ok)
      .map(({ name }: { name: string }) => name),
  ).toEqual(['validators'])
}
