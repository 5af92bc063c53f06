import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { cryptoRandom } from '@zerog/adapters/random/crypto'
import { developmentDaMembers, developmentDaNode } from '@zerog/contracts'
import { nodeKey } from './node-key.ts'
import { blsWindowSigner } from './window-signer.ts'

let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'zerog-key-'))
})
afterEach(() => rm(dataDir, { recursive: true, force: true }))

const open = (given: Partial<Parameters<typeof nodeKey>[0]> = {}) =>
  nodeKey({ keyFile: null, dataDir, random: cryptoRandom, development: false, instance: 0, ...given })

test('a member keeps the key that it made, readable by nobody else', async () => {
  const first = await open()
  expect(await open()).toEqual(first)
  expect((await stat(join(dataDir, 'node.key'))).mode & 0o777).toBe(0o600)
  expect(await open({ instance: 1, development: true })).toEqual(developmentDaNode(1).blsSecretKey)
})

test('the development members sign with the keys that genesis names', () => {
  for (const [instance, { key }] of developmentDaMembers(3).entries()) {
    expect(Buffer.compare(blsWindowSigner(developmentDaNode(instance).blsSecretKey).key, key)).toBe(0)
  }
})

test("an operator's file is read, and one that holds no key is refused without showing it", async () => {
  const keyFile = join(dataDir, 'bls.key')
  await writeFile(keyFile, `0x${Buffer.from(developmentDaNode(2).blsSecretKey).toString('hex')}\n`)
  expect(await open({ keyFile })).toEqual(developmentDaNode(2).blsSecretKey)
  for (const text of ['', 'hello', 'ff'.repeat(32), '00'.repeat(32), 'ab'.repeat(31)]) {
    await writeFile(keyFile, text)
    const error = await open({ keyFile }).catch((reason) => reason)
    expect(error).toMatchObject({ reason: 'CONFIG_INVALID' })
    if (text.length > 8) expect(String(error)).not.toContain(text)
  }
  await expect(open({ keyFile: join(dataDir, 'none') })).rejects.toMatchObject({ reason: 'CONFIG_INVALID' })
  expect(await readFile(keyFile, 'utf8')).toHaveLength(62)
})
