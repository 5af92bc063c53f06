import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect as connectPlain, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createClient } from '../src/rpc/client.ts'
import { EchoServiceDefinition, echoEndpoints } from '../src/rpc/echo-service.ts'
import { dialForeign, type ForeignIdentity, learnCertificate, openForeignDoor } from '../src/rpc/foreign.ts'
import type { GrpcServer } from '../src/rpc/grpc-server.ts'
import { createHost } from '../src/rpc/host.ts'
import { testHostDeps } from '../src/rpc/suite.ts'
import { initAuthority, issueIdentity, selfSigned } from '../src/tls/authority.ts'

const note = { frame: Buffer.from('x'), height: 0n }
let folder: string
let door: GrpcServer
const identities = new Map<string, ForeignIdentity>()
const cleanup: (() => void)[] = []

const LIMITS = { connectionsMax: 12, handshakeMs: 400, handshakesPerAddressMax: 3 }

async function openDoor(limits: Partial<typeof LIMITS> = LIMITS): Promise<GrpcServer> {
  const identity = await selfSigned({
    commonName: 'echo',
    nameOf: () => 'urn:test:door',
    nowMs: Date.now(),
    validityDays: 2,
  })
  const host = createHost({ target: 'echo', instance: 0 }, testHostDeps())
  host.add(EchoServiceDefinition, echoEndpoints({ unary: async <Note>(request: Note) => request }, ['friend']))
  host.open()
  const authorities = await readFile(join(folder, 'home', 'ca.crt'))
  return openForeignDoor({ host, identity, authorities, listen: { address: '127.0.0.1', port: 0 }, limits })
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zerog-door-'))
  for (const [home, target] of [
    ['home', 'friend'],
    ['home', 'other'],
    ['stranger', 'friend'],
  ] as const) {
    const dir = join(folder, home)
    await initAuthority(dir, home)
    await issueIdentity({ dir, network: home, target })
    const [cert, key] = await Promise.all([readFile(join(dir, `${target}.crt`)), readFile(join(dir, `${target}.key`))])
    identities.set(`${home}/${target}`, { cert, key })
  }
  door = await openDoor()
})
afterAll(async () => {
  for (const clean of cleanup) clean()
  await door.close(500)
  await rm(folder, { recursive: true, force: true })
})

async function dial(who: string, { host = '127.0.0.1', port = door.port } = {}) {
  const certificate = await learnCertificate({ host, port }, { timeoutMs: 5000 })
  const identity = identities.get(who) as ForeignIdentity // issued above
  const { transport, close } = dialForeign({ target: 'echo', host, port, certificate, identity })
  cleanup.push(close)
  return createClient(EchoServiceDefinition, { target: 'echo', pick: () => transport }, testHostDeps())
}

async function call(who: string, place: Parameters<typeof dial>[1] = {}): Promise<string> {
  const client = await dial(who, place)
  return client.unary(note, { timeoutMs: 5000, retriesMax: 0 }).then(
    () => 'answered',
    (error: { reason?: string }) => error.reason ?? String(error),
  )
}

/** Knocks and says nothing. */
async function knock(port = door.port): Promise<{ readonly socket: Socket; readonly closed: Promise<void> }> {
  const socket = connectPlain({ host: '127.0.0.1', port })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  cleanup.push(() => socket.destroy())
  return { socket, closed }
}

test('a listed caller comes in as the target that his certificate names, and nobody else does', async () => {
  expect(await call('home/friend')).toBe('answered')
  expect(await call('home/other')).toBe('IDENTITY_NOT_ALLOWED')
  expect(await call('stranger/friend')).toBe('DEPENDENCY_UNAVAILABLE')
}, 30_000)

test('a host is a host, whatever scheme it is called like, and a name may lead here as well as a number', async () => {
  expect(await call('home/friend', { host: 'localhost' })).toBe('answered')
  const certificate = await learnCertificate({ host: '127.0.0.1', port: door.port }, { timeoutMs: 5000 })
  const identity = identities.get('home/friend') as ForeignIdentity
  for (const host of ['unix', 'xds', 'dns', 'ipv4']) {
    const { transport, close } = dialForeign({ target: 'echo', host, port: door.port, certificate, identity })
    const client = createClient(EchoServiceDefinition, { target: 'echo', pick: () => transport }, testHostDeps())
    await expect(client.unary(note, { timeoutMs: 2000, retriesMax: 0 })).rejects.toMatchObject({
      message: expect.stringContaining(`Name resolution failed for target dns:${host}:`),
    })
    close()
  }
}, 30_000)

test('a server that shows another certificate later is refused, although it has the same names', async () => {
  const other = await openDoor()
  try {
    const certificate = await learnCertificate({ host: '127.0.0.1', port: other.port }, { timeoutMs: 5000 })
    const identity = identities.get('home/friend') as ForeignIdentity
    const { transport, close } = dialForeign({ target: 'echo', host: '127.0.0.1', port: door.port, certificate, identity })
    const client = createClient(EchoServiceDefinition, { target: 'echo', pick: () => transport }, testHostDeps())
    await expect(client.unary(note, { timeoutMs: 5000, retriesMax: 0 })).rejects.toMatchObject({
      reason: 'DEPENDENCY_UNAVAILABLE',
    })
    close()
  } finally {
    await other.close(500)
  }
}, 30_000)

test('whoever knocks and says nothing is cut off in time, and few of one address may', async () => {
  const started = performance.now()
  const silent = await Promise.all(Array.from({ length: 8 }, () => knock()))
  // Five above the limit go at once, three when their time is over.
  await Promise.all(silent.map(({ closed }) => closed))
  expect(performance.now() - started).toBeGreaterThan(300)
  expect(await call('home/friend')).toBe('answered')
}, 30_000)

test('those who knock do not use up the places of those who are in', async () => {
  const client = await dial('home/friend')
  await client.unary(note, { timeoutMs: 5000 })
  const knocking = await Promise.all(Array.from({ length: 30 }, () => knock()))
  await client.unary(note, { timeoutMs: 5000, retriesMax: 0 })
  await Promise.all(knocking.map(({ closed }) => closed))
  expect(await call('home/friend')).toBe('answered')
}, 30_000)

test('bytes that are no TLS, and TLS without a certificate, end the connection and nothing else', async () => {
  const noise = await knock()
  noise.socket.write(Buffer.alloc(4096, 0x47))
  await noise.closed
  const anonymous = connect({ host: '127.0.0.1', port: door.port, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
  anonymous.on('error', () => {})
  await new Promise<void>((resolve) => anonymous.once('close', () => resolve()))
  const { cert, key } = identities.get('home/friend') as ForeignIdentity
  const wrongProtocol = connect({ host: '127.0.0.1', port: door.port, rejectUnauthorized: false, cert, key })
  wrongProtocol.on('error', () => {})
  await new Promise<void>((resolve) => wrongProtocol.once('close', () => resolve()))
  expect(await call('home/friend')).toBe('answered')
}, 30_000)

test('a port that is taken is told by name, and a closed door lets go of who knocks', async () => {
  const { cert, key } = await selfSigned({ commonName: 'x', nameOf: () => 'urn:x', nowMs: Date.now(), validityDays: 1 })
  const host = createHost({ target: 'echo', instance: 0 }, testHostDeps())
  const authorities = await readFile(join(folder, 'home', 'ca.crt'))
  const listen = { address: '127.0.0.1', port: door.port }
  await expect(openForeignDoor({ host, identity: { cert, key }, authorities, listen })).rejects.toMatchObject({
    reason: 'PORT_IN_USE',
  })
  const other = await openDoor({ handshakeMs: 60_000 })
  const waiting = await knock(other.port)
  expect(await other.close(500)).toBe(true)
  await waiting.closed
}, 30_000)
