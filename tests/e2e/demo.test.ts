import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { processesOf, removeDevnet, startDevnet, type TestDevnet, temporaryFolder } from './devnet.ts'

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
    const layers = { chain: 4, storage: 4, da: 3, compute: 2 }
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

  test('down leaves no process, and a second start has everything that was there', async () => {
    const before = (await devnet.zerog('chain', 'status', '--json')).json().data
    expect((await devnet.zerog('down', '--json')).json().data).toMatchObject({ stopped: true, killed: 0 })
    expect(processesOf(devnet.dataDir)).toEqual([])
    expect((await devnet.zerog('doctor', '--deep', '--json')).json().data).toMatchObject({ healthy: true })
    devnet = await startDevnet(devnet.dataDir, ...flags)
    // Services send transactions of their own, so the head may be another one by now.
    const same = (await devnet.zerog('chain', 'block', String(before.height), '--json')).json().data
    expect(same.hash).toBe(before.blockHash)
    expect((await devnet.zerog('storage', 'check', root, '--json')).json().data).toMatchObject({ root, verified: true })
  })
})
