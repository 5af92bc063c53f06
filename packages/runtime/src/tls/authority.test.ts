import { X509Certificate } from 'node:crypto'
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { initAuthority, issueIdentity } from './authority.ts'
import { needsRenewal, readIdentity } from './identity.ts'
import { identityOf } from './names.ts'

const DAY_MS = 86_400_000
const network = 'devnet'
let dir: string

beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'zerog-tls-')), 'tls')
})
afterEach(() => rm(join(dir, '..'), { recursive: true, force: true }))

describe('the authority of an installation', () => {
  test('issues identities that their reader accepts, in files that only the owner can read', async () => {
    await initAuthority(dir, network)
    const issued = await issueIdentity({ dir, network, target: 'gateway', dnsNames: ['localhost'], ips: ['127.0.0.1'] })
    const identity = await readIdentity({ dir, network, target: 'gateway' })
    expect(identityOf(identity.cert)).toEqual({ network, target: 'gateway' })
    expect(new X509Certificate(identity.cert).subjectAltName).toBe(
      'URI:spiffe://devnet/gateway, DNS:localhost, IP Address:127.0.0.1',
    )
    for (const file of ['ca.crt', 'ca.key', 'gateway.crt', 'gateway.key']) {
      expect((await stat(join(dir, file))).mode & 0o777).toBe(0o600)
    }
    expect((await stat(dir)).mode & 0o777).toBe(0o700)
    expect(issued.issued).toBe(true)
  })

  test('keeps what is there, and renews in the last third of its life', async () => {
    const nowMs = Date.now()
    expect((await initAuthority(dir, network, { nowMs })).created).toBe(true)
    expect((await initAuthority(dir, network, { nowMs })).created).toBe(false)
    const issue = (days: number) => issueIdentity({ dir, network, target: 'gateway', nowMs: nowMs + days * DAY_MS })
    expect((await issue(0)).issued).toBe(true)
    expect((await issue(59)).issued).toBe(false)
    const before = await readIdentity({ dir, network, target: 'gateway' })
    expect(needsRenewal(before, nowMs + 61 * DAY_MS)).toBe(true)
    expect((await issue(61)).issued).toBe(true)
    const after = await readIdentity({ dir, network, target: 'gateway', nowMs: nowMs + 62 * DAY_MS })
    expect(after.key.equals(before.key)).toBe(false)
  })

  test('never outlives itself in what it issues', async () => {
    const { expiresAt } = await initAuthority(dir, network, { validityDays: 10 })
    expect((await issueIdentity({ dir, network, target: 'gateway' })).expiresAt).toEqual(expiresAt)
  })

  test('every refusal says what to do', async () => {
    await expect(issueIdentity({ dir, network, target: 'gateway' })).rejects.toThrow(`run: zerog certs init --dir ${dir}`)
    await initAuthority(dir, network)
    await expect(initAuthority(dir, 'production')).rejects.toThrow('is the authority of network devnet, not of production')
    await expect(issueIdentity({ dir, network: 'production', target: 'gateway' })).rejects.toThrow('another --name')
    await expect(issueIdentity({ dir, network, target: 'Gateway' })).rejects.toThrow('must be 1 to 63 of a-z')
    await expect(readIdentity({ dir, network, target: 'gateway' })).rejects.toThrow('run: zerog certs issue gateway')
  })
})

describe('reading an identity refuses', () => {
  const read = (nowMs = Date.now()) => readIdentity({ dir, network, target: 'gateway', nowMs })
  beforeEach(async () => {
    await initAuthority(dir, network)
    for (const target of ['gateway', 'da-node']) await issueIdentity({ dir, network, target })
  })

  test('an expired one and one of the future', async () => {
    await expect(read(Date.now() + 91 * DAY_MS)).rejects.toThrow('expired on')
    await expect(read(Date.now() - DAY_MS)).rejects.toThrow("check this machine's clock")
  })

  test("another target's certificate and another key", async () => {
    const original = await readFile(join(dir, 'gateway.crt'))
    await cp(join(dir, 'da-node.crt'), join(dir, 'gateway.crt'))
    await expect(read()).rejects.toThrow('carries the identity spiffe://devnet/da-node, expected spiffe://devnet/gateway')
    await writeFile(join(dir, 'gateway.crt'), original)
    await cp(join(dir, 'da-node.key'), join(dir, 'gateway.key'))
    await expect(read()).rejects.toThrow('is not the key of')
  })

  test('a certificate of a foreign authority with the same names', async () => {
    const foreign = join(dir, '..', 'foreign')
    await initAuthority(foreign, network)
    await issueIdentity({ dir: foreign, network, target: 'gateway' })
    for (const file of ['gateway.crt', 'gateway.key']) await cp(join(foreign, file), join(dir, file))
    await expect(read()).rejects.toThrow('was not signed by the authority')
  })

  test('bytes that are no certificate', async () => {
    await writeFile(join(dir, 'gateway.crt'), 'hello')
    await expect(read()).rejects.toThrow('is not a PEM certificate')
  })
})

test('a certificate names nobody when it names two, none, or hides a name in another one', async () => {
  await initAuthority(dir, network)
  const issue = async (dnsNames: string[]) => {
    await issueIdentity({ dir, network, target: 'gateway', dnsNames, force: true })
    return identityOf(await readFile(join(dir, 'gateway.crt')))
  }
  expect(await issue(['plain.example'])).toEqual({ network, target: 'gateway' })
  expect(await issue(['a, URI:spiffe://devnet/developer, DNS:b'])).toBeUndefined()
  expect(identityOf(await readFile(join(dir, 'ca.crt')))).toBeUndefined()
})
