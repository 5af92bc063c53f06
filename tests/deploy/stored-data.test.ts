import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { removeDevnet, startDevnet, temporaryFolder, zerog } from '../e2e/devnet.ts'

// The data folder of a chain-only devnet after its demo, two blocks, as the code of 2026-11-23 left it. Where a change of genesis or of records makes it
// unreadable, DATA_FORMAT has to rise and the fixture is renewed: `zerog up --chain-only`, `zerog demo`, `zerog down`, tar of format.json and chain.kv.
const FIXTURE = join(import.meta.dirname, 'fixtures/chain-only-format-2.tar.gz')
const HEAD = { height: '2', blockHash: '0x6671cfa44137a7bca373ab61d2152f7e8a2a481ea8651b34ca6fc7a999a0dfe5' }

let folder: string
beforeEach(async () => {
  folder = await temporaryFolder()
  execFileSync('tar', ['-xzf', FIXTURE, '-C', folder])
})
afterEach(() => removeDevnet(folder))

test('what an older build stored is verified, shows the same head, and goes on', async () => {
  const doctor = await zerog(['doctor', '--deep', '--data-dir', folder])
  expect({ code: doctor.code, out: doctor.code === 0 ? '' : doctor.out + doctor.err }).toEqual({ code: 0, out: '' })
  const devnet = await startDevnet(folder, '--chain-only')
  expect((await devnet.zerog('chain', 'status', '--json')).json().data).toMatchObject(HEAD)
  expect((await devnet.zerog('demo')).code).toBe(0)
  expect(Number((await devnet.zerog('chain', 'status', '--json')).json().data.height)).toBeGreaterThan(Number(HEAD.height))
})

test('data of a format that this release no longer reads is refused by name and left as it is', async () => {
  const format = join(folder, 'format.json')
  const older = readFileSync(format, 'utf8').replace('"format":2', '"format":1')
  writeFileSync(format, older)
  await expect(startDevnet(folder, '--chain-only')).rejects.toThrow(/has format 1, too old for this release/)
  expect(readFileSync(format, 'utf8')).toBe(older)
})
