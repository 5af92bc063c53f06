import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { EXIT } from './exit-codes.ts'
import { runCli } from './run-cli.ts'

let home = ''
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'zerog-cli-'))
})
afterEach(() => rm(home, { recursive: true, force: true }))

/** Runs one command line in an empty home, without a terminal. */
async function zerog(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  let out = ''
  let err = ''
  const streams = { out: { write: (text: string) => (out += text) }, err: { write: (text: string) => (err += text) } }
  const code = await runCli(args, {
    streams,
    env: { HOME: home, XDG_CONFIG_HOME: join(home, '.config'), ZEROG_DATA_DIR: join(home, 'devnet'), ...env },
  })
  return { code, out, err, json: () => JSON.parse(out) }
}

describe('usage', () => {
  test('a typo is answered with what was meant, and exit 2', async () => {
    const { code, err, out } = await zerog(['chian', 'status'])
    expect({ code, out }).toEqual({ code: EXIT.usage, out: '' })
    expect(err).toContain('Did you mean chain?')
  })
  test('with --json a usage error is a document on stdout', async () => {
    const { code, json } = await zerog(['chain', 'tx', '--json'])
    expect(code).toBe(EXIT.usage)
    expect(json()).toMatchObject({
      v: 1,
      ok: false,
      error: { reason: 'INVALID_ARGUMENT', docs: 'docs/errors/INVALID_ARGUMENT.md' },
    })
  })
  test('--help of every command exits 0 and says something', async () => {
    for (const path of [
      [],
      ['up'],
      ['chain'],
      ['chain', 'send'],
      ['storage'],
      ['storage', 'cp'],
      ['account'],
      ['config'],
      ['certs', 'issue'],
    ]) {
      const { code, out } = await zerog([...path, '--help'])
      expect({ path, code, starts: out.slice(0, 5) }).toEqual({ path, code: 0, starts: 'Usage' })
    }
  })
  test('a bad flag value names the flag and the form', async () => {
    expect(await zerog(['up', '--storage-nodes', 'many'])).toMatchObject({
      code: EXIT.usage,
      err: expect.stringContaining('--storage-nodes'),
    })
    expect(await zerog(['up', '--port', 'abc'])).toMatchObject({
      code: EXIT.usage,
      err: expect.stringContaining('--port abc: expected a port from 0 to 65535'),
    })
    expect(await zerog(['chain', 'logs', '--from', '5', '--to', '1'])).toMatchObject({
      code: EXIT.usage,
      err: expect.stringContaining('--from 5 is above --to 1'),
    })
    expect(await zerog(['chain', 'balance', 'nobody'])).toMatchObject({
      code: EXIT.usage,
      err: expect.stringContaining('40 hexadecimal digits'),
    })
    expect(await zerog(['chain', 'status', '--timeout', 'soon'])).toMatchObject({
      code: EXIT.usage,
      err: expect.stringContaining('500ms'),
    })
  })
})

describe('output', () => {
  test('version has a document and a line', async () => {
    expect((await zerog(['version', '--json'])).json()).toMatchObject({ v: 1, ok: true, data: { node: process.versions.node } })
    expect((await zerog(['version'])).out).toMatch(/^zerog \d/)
    expect(await zerog(['--version'])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), err: '' })
  })
  test('nothing is coloured without a terminal', async () => {
    const { err } = await zerog(['storage', 'root', '/nowhere'])
    expect(err.includes('\u001b')).toBe(false)
  })
  test('a failure says what to read, and exits by its reason', async () => {
    const { code, err } = await zerog(['storage', 'root', join(home, 'none')])
    expect(code).toBe(EXIT.notFound)
    expect(err).toMatch(/^error cannot read .*ENOENT\nzerog explain NOT_FOUND\n$/)
  })
  test('an endpoint that is not there is temporary', async () => {
    const { code, json } = await zerog(['chain', 'status', '--json', '--rpc-url', 'http://127.0.0.1:1'])
    expect(code).toBe(EXIT.temporary)
    expect(json().error).toMatchObject({
      reason: 'DEPENDENCY_UNAVAILABLE',
      message: expect.stringContaining('http://127.0.0.1:1'),
    })
  })
})

test('explain prints the page of a reason and finds near ones', async () => {
  expect((await zerog(['explain', 'port_in_use'])).out).toContain('PORT_IN_USE')
  expect(await zerog(['explain', 'PORT'])).toMatchObject({ code: EXIT.notFound, err: expect.stringContaining('PORT_IN_USE') })
})

test('explain lists every reason when it is asked for one that does not exist', async () => {
  expect(await zerog(['explain', 'XYZ'])).toMatchObject({ code: EXIT.notFound, err: expect.stringContaining('RATE_LIMITED') })
})

test('a validator key is made once, for its owner only, and its public key is printed again', async () => {
  const file = join(home, 'keys', 'validator.bls')
  const made = (await zerog(['chain', 'validator-key', file, '--json'])).json().data
  expect(made).toMatchObject({ created: true, publicKey: expect.stringMatching(/^0x[0-9a-f]{96}$/) })
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  const again = (await zerog(['chain', 'validator-key', file, '--json'])).json().data
  expect(again).toEqual({ ...made, created: false })
  await writeFile(file, 'something else')
  expect(await zerog(['chain', 'validator-key', file])).toMatchObject({
    code: EXIT.usage,
    err: expect.stringContaining('holds no BLS secret key'),
  })
})

test('explain tells a config field', async () => {
  const { json } = await zerog(['explain', 'gateway.rpcBodyBytesMax', '--json'])
  expect(json().data).toMatchObject({ env: 'ZEROG_GATEWAY_RPC_BODY_BYTES_MAX', default: 5_242_880 })
})

test.each(['bash', 'zsh', 'fish', 'pwsh'])('completion for %s knows commands and flags', async (shell) => {
  const { code, out } = await zerog(['completion', shell])
  expect(code).toBe(0)
  for (const word of ['storage', 'cp', '--port-offset', '--json']) expect(out).toContain(word)
})

test('down without a devnet is fine', async () => {
  expect((await zerog(['down', '--json'])).json().data).toEqual({ stopped: false, processes: 0, killed: 0 })
})

describe('profiles', () => {
  const withProfile = async (text: string) => {
    const file = join(home, 'config.toml')
    await writeFile(file, text)
    return file
  }
  test('flag wins over environment, environment over profile', async () => {
    const config = await withProfile('profile = "far"\n[profiles.far]\ngateway_url = "http://127.0.0.1:3" # comment\n')
    const url = async (args: readonly string[], env = {}) => (await zerog(['status', '--config', config, ...args], env)).err
    expect(await url([])).toContain('127.0.0.1:3')
    expect(await url([], { ZEROG_GATEWAY_URL: 'http://127.0.0.1:2' })).toContain('127.0.0.1:2')
    expect(await url(['--gateway-url', 'http://127.0.0.1:1'], { ZEROG_GATEWAY_URL: 'http://127.0.0.1:2' })).toContain(
      '127.0.0.1:1',
    )
  })
  test('a mistake in the file is named with its line', async () => {
    const config = await withProfile('[profiles.far]\nrpc_url = http\n')
    expect(await zerog(['status', '--config', config])).toMatchObject({
      code: EXIT.usage,
      err: expect.stringContaining('config.toml:2'),
    })
  })
  test('an unknown profile names those that exist', async () => {
    const config = await withProfile('[profiles.far]\n')
    expect(await zerog(['status', '--config', config, '--profile', 'near'])).toMatchObject({
      code: EXIT.usage,
      err: expect.stringContaining('far'),
    })
  })
})

describe('accounts', () => {
  const password = { ZEROG_PASSWORD: 'correct horse' }
  test('an account is stored encrypted, listed, and never overwritten', async () => {
    const key = `0x${'42'.repeat(32)}`
    const imported = await zerog(['account', 'import', 'mine', '--json'], { ...password, ZEROG_PRIVATE_KEY: key })
    const { path, address } = imported.json().data
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await zerog(['account', 'list', '--json'])).json().data).toEqual([{ name: 'mine', address, development: false }])
    expect(imported.out).not.toContain('4242')
    const again = await zerog(['account', 'import', 'mine'], { ...password, ZEROG_PRIVATE_KEY: key })
    expect(again.code).toBe(EXIT.refused)
  })
  test('a wrong password and a bad key are refused without showing either', async () => {
    const bad = await zerog(['account', 'import', 'x'], { ...password, ZEROG_PRIVATE_KEY: 'nonsense-secret' })
    expect(bad.code).toBe(EXIT.usage)
    expect(bad.err + bad.out).not.toContain('nonsense-secret')
  })
})
