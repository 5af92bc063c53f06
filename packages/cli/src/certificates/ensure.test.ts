import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { readIdentity } from '@zerog/runtime'
import { ensureCertificates } from './ensure.ts'
import { startFakeKubernetes } from './fake-kubernetes.ts'
import { kubernetesSecrets } from './kubernetes-secrets.ts'

const DAY_MS = 86_400_000
const TARGETS = ['gateway', 'da-node']
const NAMES = ['zg-ca', ...TARGETS.map((target) => `zg-${target}-tls`)]

let fake: Awaited<ReturnType<typeof startFakeKubernetes>>
beforeEach(async () => {
  fake = await startFakeKubernetes({ namespace: 'zerog', allowed: (name) => NAMES.includes(name) })
})
afterEach(() => fake.close())

const ensure = (more: { readonly nowMs?: number; readonly network?: string; readonly targets?: readonly string[] } = {}) =>
  ensureCertificates(
    { network: 'mynet', release: 'zg', targets: TARGETS, ...more },
    { secrets: kubernetesSecrets({ namespace: 'zerog', release: 'zg' }, { config: fake.config }) },
  )
const field = (secret: string, name: string) => Buffer.from(fake.secrets.get(secret)?.data?.[name] ?? '', 'base64')
const versions = () => [...fake.secrets].map(([name, { metadata }]) => `${name} ${metadata?.resourceVersion}`).sort()

/** What a pod of the target would make of its mounted secret. */
async function identityIn(target: string, nowMs = Date.now()) {
  const dir = await mkdtemp(join(tmpdir(), 'zerog-pod-'))
  try {
    const files = { 'ca.crt': 'ca.crt', 'tls.crt': `${target}.crt`, 'tls.key': `${target}.key` }
    for (const [name, file] of Object.entries(files)) await writeFile(join(dir, file), field(`zg-${target}-tls`, name))
    return await readIdentity({ dir, network: 'mynet', target, nowMs })
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

test('the fake says that it is one', async () => {
  const server = fake.config.getCurrentCluster()?.server
  expect(await (await fetch(`${server}/version`)).json()).toEqual({ gitVersion: 'v0.0.0-fake-of-zerog-tests' })
})

test('the first run makes an authority and a certificate per target that a pod accepts', async () => {
  const { authority, targets } = await ensure()
  expect(authority).toBe('created')
  expect(targets.map(({ secret, issued }) => [secret, issued])).toEqual([
    ['zg-gateway-tls', true],
    ['zg-da-node-tls', true],
  ])
  for (const target of TARGETS) expect(await identityIn(target)).toMatchObject({ network: 'mynet', target })
  // The authority's key is in its own secret and in no other.
  for (const target of TARGETS)
    expect(Object.keys(fake.secrets.get(`zg-${target}-tls`)?.data ?? {}).sort()).toEqual(['ca.crt', 'tls.crt', 'tls.key'])
  expect(field('zg-ca', 'ca.key').toString()).toContain('PRIVATE KEY')
})

test('a second run changes nothing, and only reads', async () => {
  await ensure()
  const before = versions()
  fake.requests.length = 0
  expect((await ensure()).targets.map(({ issued }) => issued)).toEqual([false, false])
  expect(versions()).toEqual(before)
  expect(fake.requests.every((request) => request.startsWith('GET '))).toBe(true)
})

test('in the last third of its life a certificate is renewed under the same authority', async () => {
  const startMs = Date.now()
  await ensure({ nowMs: startMs })
  const authority = field('zg-ca', 'ca.crt')
  const key = field('zg-gateway-tls', 'tls.key')
  const laterMs = startMs + 61 * DAY_MS
  expect((await ensure({ nowMs: startMs + 59 * DAY_MS })).targets.map(({ issued }) => issued)).toEqual([false, false])
  expect((await ensure({ nowMs: laterMs })).targets.map(({ issued }) => issued)).toEqual([true, true])
  expect(field('zg-ca', 'ca.crt').equals(authority)).toBe(true)
  expect(field('zg-gateway-tls', 'tls.key').equals(key)).toBe(false)
  expect((await identityIn('gateway', laterMs)).expiresAt.getTime()).toBeGreaterThan(startMs + 120 * DAY_MS)
})

test('a target that came later gets its certificate, the others keep theirs', async () => {
  await ensure({ targets: ['gateway'] })
  expect((await ensure()).targets.map(({ target, issued }) => [target, issued])).toEqual([
    ['gateway', false],
    ['da-node', true],
  ])
})

test('a damaged or foreign certificate of ours is made anew', async () => {
  await ensure()
  const present = fake.secrets.get('zg-gateway-tls')
  fake.put({ ...present, data: { ...present?.data, 'tls.crt': Buffer.from('nonsense').toString('base64') } })
  expect((await ensure()).targets.map(({ issued }) => issued)).toEqual([true, false])
  await identityIn('gateway')
})

test('of two runs at once the authority of one counts, and every certificate is under it', async () => {
  const results = await Promise.all([ensure(), ensure(), ensure()])
  expect(results.filter(({ authority }) => authority === 'created')).toHaveLength(1)
  for (const target of TARGETS) await identityIn(target)
})

test('a secret that another run replaced meanwhile is read again, and kept', async () => {
  const startMs = Date.now()
  await ensure({ nowMs: startMs })
  const renewed = await startRenewed(startMs + 61 * DAY_MS)
  const { targets } = await ensure({ nowMs: startMs + 61 * DAY_MS, targets: ['gateway'] })
  expect(targets.map(({ issued }) => issued)).toEqual([false])
  expect(fake.secrets.get('zg-gateway-tls')?.data).toEqual(renewed.data)

  /** Another job's renewal, put in place between our read and our write. */
  async function startRenewed(nowMs: number) {
    const before = fake.secrets.get('zg-gateway-tls')
    await ensure({ nowMs, targets: ['gateway'] })
    const theirs = fake.secrets.get('zg-gateway-tls')
    if (before === undefined || theirs === undefined) throw new Error('the first run made it')
    fake.put(before)
    fake.beforeNextAnswer(() => fake.beforeNextAnswer(() => fake.beforeNextAnswer(() => void fake.put(theirs))))
    return theirs
  }
})

test('what somebody else made is not touched', async () => {
  fake.put({ metadata: { name: 'zg-gateway-tls' }, data: { 'tls.crt': 'AA==' } })
  await expect(ensure()).rejects.toThrow('secret zg-gateway-tls was not made by this command')
  expect(fake.secrets.get('zg-gateway-tls')?.data).toEqual({ 'tls.crt': 'AA==' })
})

test("another network's authority is refused, and a lost key is said", async () => {
  await ensure()
  await expect(ensure({ network: 'other' })).rejects.toThrow('is the authority of network mynet, not of other')
  const present = fake.secrets.get('zg-ca')
  fake.put({ ...present, data: { 'ca.crt': present?.data?.['ca.crt'] ?? '' } })
  await expect(ensure()).rejects.toThrow('secret zg-ca has no ca.key')
})

test('what the Role does not allow is said with its verb', async () => {
  await expect(ensure({ targets: ['gateway', 'chain-rpc'] })).rejects.toThrow(
    'the service account may not get secret zg-chain-rpc-tls in namespace zerog',
  )
})

test('an API that does not answer is said', async () => {
  await fake.close()
  await expect(ensure()).rejects.toThrow('the API of Kubernetes did not get secret zg-ca')
})
