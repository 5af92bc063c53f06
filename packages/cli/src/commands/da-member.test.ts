import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { runCli } from '../run-cli.ts'
import { readRegistration } from './da-member.ts'

let home = ''
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'zerog-member-'))
})
afterEach(() => rm(home, { recursive: true, force: true }))

const ACCOUNT = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC'

async function zerog(...args: readonly string[]) {
  let out = ''
  const streams = { out: { write: (text: string) => (out += text) }, err: { write: () => {} } }
  await runCli([...args, '--json'], {
    streams,
    env: { HOME: home, XDG_CONFIG_HOME: join(home, '.config'), ZEROG_DATA_DIR: join(home, 'devnet') },
  })
  const { ok, data, error } = JSON.parse(out) as { ok: boolean; data: any; error: any }
  return { ok, data, reason: error?.reason, text: out }
}

test('a key is made once, for its owner alone, and what is registered of it is made without a network', async () => {
  const file = join(home, 'keys', 'node.key')
  const made = await zerog('da', 'node', 'make-key', file)
  expect(made.data).toMatchObject({ created: true, publicKey: expect.stringMatching(/^0x[0-9a-f]{96}$/) })
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  const secret = (await readFile(file, 'utf8')).trim()
  expect(await zerog('da', 'node', 'make-key', file)).toMatchObject({
    data: { created: false, publicKey: made.data.publicKey },
  })
  const args = ['--bls-key-file', file, '--for', ACCOUNT, '--chain-id', '4242']
  const prepared = await zerog('da', 'node', 'prepare', ...args)
  expect(prepared.data).toMatchObject({ chainId: 4242, account: ACCOUNT.toLowerCase(), publicKey: made.data.publicKey })
  expect(prepared.text).not.toContain(secret)
  // The whole document that --json prints, and its data alone.
  for (const [name, text] of [
    ['whole.json', prepared.text],
    ['data.json', JSON.stringify(prepared.data)],
  ] as const) {
    await writeFile(join(home, name), text)
    expect(await readRegistration(join(home, name))).toEqual(prepared.data)
  }
}, 60_000)

test('a registration that was changed, or is none, is refused before anything is sent', async () => {
  const file = join(home, 'node.key')
  await zerog('da', 'node', 'make-key', file)
  const { data } = await zerog('da', 'node', 'prepare', '--bls-key-file', file, '--for', ACCOUNT, '--chain-id', '4242')
  const other = `0x${'ab'.repeat(20)}`
  const changed = [
    { ...data, account: other },
    { ...data, chainId: 4243 },
    { ...data, possession: `0x${'00'.repeat(96)}` },
    { ...data, publicKey: `0x${'01'.repeat(48)}` },
    { ...data, publicKey: '0x' },
    { account: ACCOUNT },
    null,
    'hello',
    7,
  ]
  for (const value of changed) {
    await writeFile(join(home, 'member.json'), JSON.stringify(value))
    await expect(readRegistration(join(home, 'member.json'))).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' })
  }
  await writeFile(join(home, 'member.json'), '{')
  await expect(readRegistration(join(home, 'member.json'))).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' })
}, 60_000)

test('a register without a key or with two, and a key file that holds none, are told what to give', async () => {
  expect(await zerog('da', 'node', 'register', '--socket', 'a.example:1')).toMatchObject({ reason: 'INVALID_ARGUMENT' })
  const both = ['--bls-key-file', 'a', '--registration', 'b', '--socket', 'a.example:1']
  expect(await zerog('da', 'node', 'register', ...both)).toMatchObject({ reason: 'INVALID_ARGUMENT' })
  const file = join(home, 'wrong.key')
  await writeFile(file, 'no key')
  const args = ['--bls-key-file', file, '--for', ACCOUNT, '--chain-id', '1']
  expect(await zerog('da', 'node', 'prepare', ...args)).toMatchObject({ reason: 'CONFIG_INVALID' })
  await writeFile(file, 'ff'.repeat(32))
  expect(await zerog('da', 'node', 'prepare', ...args)).toMatchObject({ reason: 'INVALID_ARGUMENT' })
}, 60_000)
