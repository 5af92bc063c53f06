import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { openDataFolder } from './data-folder.ts'

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'zerog-data-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

const genesis = { chainOnly: false, baseFee: 'constant', accounts: 10, daNodes: 4 } as const
const open = (reset = false) => openDataFolder(join(root, 'devnet'), { reset, genesis })
const writeFormat = async (text: string) => {
  await mkdir(join(root, 'devnet'), { recursive: true })
  await writeFile(join(root, 'devnet', 'format.json'), text)
}

test('a new folder is new once', async () => {
  const first = await open()
  expect(first.isNew).toBe(true)
  first.release()
  const second = await open()
  expect(second.isNew).toBe(false)
  second.release()
})

test('a second devnet in one folder is refused with both ways out', async () => {
  const first = await open()
  await expect(open()).rejects.toMatchObject({
    reason: 'DATA_FOLDER_IN_USE',
    message: expect.stringMatching(/npm run down.*--data-dir/),
  })
  first.release()
})

test.each([
  ['{"format":0}', 'WRONG_STATE', /too old/],
  ['{"format":99}', 'WRONG_STATE', /newer release/],
  ['garbage', 'DATA_FOLDER_DAMAGED', /--reset/],
])('format.json %s is refused with a remedy', async (text, reason, message) => {
  await writeFormat(text)
  await expect(open()).rejects.toMatchObject({ reason, message: expect.stringMatching(message) })
})

test('other flags would make another chain and are refused with those that fit', async () => {
  const path = join(root, 'devnet')
  const first = await openDataFolder(path, { reset: false, genesis: { ...genesis, chainOnly: true, accounts: 20 } })
  first.release()
  await expect(open()).rejects.toMatchObject({
    reason: 'WRONG_STATE',
    message: expect.stringContaining('with --chain-only --accounts 20'),
  })
  const again = await open(true)
  expect(again.isNew).toBe(true)
  again.release()
})

test('data without a format is damaged, and --reset heals it but leaves what is not ours', async () => {
  await mkdir(join(root, 'devnet', 'targets'), { recursive: true })
  await mkdir(join(root, 'devnet', 'postgres'), { recursive: true })
  await writeFile(join(root, 'devnet', 'notes.txt'), 'mine')
  await expect(open()).rejects.toMatchObject({ reason: 'DATA_FOLDER_DAMAGED' })
  await mkdir(join(root, 'devnet', 'logs'))
  for (const name of ['launcher.log', 'gateway-0.log']) await writeFile(join(root, 'devnet', 'logs', name), 'said')
  const folder = await open(true)
  expect(folder.isNew).toBe(true)
  expect(await readdir(join(root, 'devnet'))).toContain('notes.txt')
  // The launcher's own log is open while it resets.
  expect(await readdir(join(root, 'devnet', 'logs'))).toEqual(['launcher.log'])
  folder.release()
})
