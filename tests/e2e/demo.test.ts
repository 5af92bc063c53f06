import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { processesOf, removeDevnet, startDevnet, type TestDevnet, temporaryFolder } from './devnet.ts'

jest.setTimeout(180_000)

const SHAPES = [
  ['one process', []],
  ['one process per target', ['--processes', '--storage-nodes', '2']],
] as const

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
    expect(steps.map(({ layer }: { layer: string }) => layer)).toEqual([...Array(4).fill('chain'), ...Array(4).fill('storage')])
    root = steps.at(-1).id
  })

  test('the same input again is not paid twice', async () => {
    const { steps } = (await devnet.zerog('demo', '--json')).json().data
    const stored = steps.find(({ step }: { step: string }) => step === 'store them')
    // Somebody who edits sources while the tests run makes other input, which is paid.
    const same = steps.at(-1).id === root
    expect({ same, paid: 'fee' in stored }).toEqual({ same, paid: !same })
    root = steps.at(-1).id
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
    const after = (await devnet.zerog('chain', 'status', '--json')).json().data
    expect({ height: after.height, blockHash: after.blockHash }).toEqual({ height: before.height, blockHash: before.blockHash })
    expect((await devnet.zerog('storage', 'check', root, '--json')).json().data).toMatchObject({ root, verified: true })
  })
})
