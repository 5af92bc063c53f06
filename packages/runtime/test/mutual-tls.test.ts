import { cp, mkdtemp, rm } from 'node:fs/promises'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { systemClock } from '@zerog/adapters/clock/system'
import { HealthDefinition } from '@zerog/proto/grpc/health'
import { EchoServiceDefinition, echoEndpoints } from '../src/rpc/echo-service.ts'
import { createGrpcPeers } from '../src/rpc/grpc-client.ts'
import { type GrpcServer, startGrpcServer } from '../src/rpc/grpc-server.ts'
import { serveHealth } from '../src/rpc/health.ts'
import { createHost } from '../src/rpc/host.ts'
import { createInProcessNetwork } from '../src/rpc/in-process.ts'
import { createModuleRpc } from '../src/rpc/module-rpc.ts'
import { testHostDeps } from '../src/rpc/suite.ts'
import { initAuthority, issueIdentity } from '../src/tls/authority.ts'
import { loadTlsIdentity, type TlsIdentity } from '../src/tls/credentials.ts'
import { readIdentity } from '../src/tls/identity.ts'

jest.setTimeout(30_000)

const network = 'devnet'
const note = { frame: Buffer.from('x'), height: 0n }
const closers: (() => unknown)[] = []
let root: string
let server: GrpcServer
let handled = 0

const folder = (name: string) => join(root, name)

/** An identity of some authority: `ours`, another one of the same name, or one of another network. */
async function identity(authority: string, target: string, name = network): Promise<TlsIdentity> {
  const dir = folder(authority)
  await initAuthority(dir, name)
  await issueIdentity({ dir, network: name, target })
  const loaded = await loadTlsIdentity({ dir, network: name, target }, testHostDeps())
  closers.push(loaded.stop)
  return loaded
}

function echoFrom(caller: TlsIdentity, target = 'echo') {
  const peers = createGrpcPeers({ identity: caller, peers: { [target]: [`127.0.0.1:${server.port}`] } })
  closers.push(peers.close)
  return createModuleRpc({ identity: caller.target, network: createInProcessNetwork(), peers }, testHostDeps())
}

const call = (caller: TlsIdentity, target = 'echo') =>
  echoFrom(caller, target).client(EchoServiceDefinition, target).unary(note, { timeoutMs: 5_000, retriesMax: 0 })

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'zerog-mtls-'))
  const host = createHost({ target: 'echo', instance: 0 }, testHostDeps())
  const handle = async <Note>(request: Note) => {
    handled++
    return request
  }
  host.add(EchoServiceDefinition, echoEndpoints({ unary: handle }, ['friend']))
  serveHealth(host)
  host.open()
  server = await startGrpcServer({ host, identity: await identity('ours', 'echo'), listen: { address: '127.0.0.1', port: 0 } })
})
afterAll(async () => {
  await server.close(500)
  for (const close of closers) close()
  await rm(root, { recursive: true, force: true })
})

describe('a call is refused before any handler', () => {
  /** With credentials that our own client would not even accept. */
  async function rawCall(channel: ReturnType<typeof credentials.createSsl>): Promise<number> {
    const client = new Client(`127.0.0.1:${server.port}`, channel)
    const same = (bytes: Buffer) => bytes
    const request = Buffer.from([])
    const { promise, resolve } = Promise.withResolvers<number>()
    client.makeUnaryRequest(
      '/zerog.test.v1.EchoService/Unary',
      same,
      same,
      request,
      new Metadata(),
      { deadline: Date.now() + 5_000 },
      (error) => resolve(error?.code ?? 0),
    )
    const code = await promise
    client.close()
    return code
  }

  test('without TLS', async () => {
    expect(await rawCall(credentials.createInsecure())).toBe(14)
    const socket = connectPlain(server.port, '127.0.0.1')
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    socket.on('error', () => {})
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    await closed
  })

  test('without a certificate', async () => {
    const { ca } = await readIdentity({ dir: folder('ours'), network, target: 'echo' })
    const trusting = credentials.createSsl(ca, null, null, { checkServerIdentity: () => undefined })
    expect(await rawCall(trusting)).toBe(14)
  })

  test('with a certificate of another authority, although it carries the right names', async () => {
    const { ca } = await readIdentity({ dir: folder('ours'), network, target: 'echo' })
    await identity('theirs', 'friend')
    const { cert, key } = await readIdentity({ dir: folder('theirs'), network, target: 'friend' })
    expect(await rawCall(credentials.createSsl(ca, key, cert, { checkServerIdentity: () => undefined }))).toBe(14)
  })

  test('with our authority and an identity that the allow-list does not name', async () => {
    await expect(call(await identity('ours', 'stranger'))).rejects.toMatchObject({
      reason: 'IDENTITY_NOT_ALLOWED',
      metadata: { identity: 'stranger', method: '/zerog.test.v1.EchoService/Unary' },
    })
  })

  test('with our authority and the name of another network', async () => {
    // The authority's key signs what it is told to; the name inside the certificate still decides.
    const dir = folder('mixed')
    await initAuthority(dir, 'elsewhere')
    await issueIdentity({ dir, network: 'elsewhere', target: 'friend' })
    const foreign = await readIdentity({ dir, network: 'elsewhere', target: 'friend' })
    const trusted = createHost({ target: 'trusting', instance: 0 }, testHostDeps())
    trusted.add(EchoServiceDefinition, echoEndpoints())
    trusted.open()
    // A server that trusts the foreign authority's signatures, but belongs to this network.
    const own = await identity('ours', 'trusting')
    await issueIdentity({ dir, network: 'elsewhere', target: 'trusting' })
    const pretending = await loadTlsIdentity({ dir, network: 'elsewhere', target: 'trusting' }, testHostDeps())
    closers.push(pretending.stop)
    const door = await startGrpcServer({
      host: trusted,
      identity: { ...pretending, network: own.network },
      listen: { address: '127.0.0.1', port: 0 },
    })
    const client = new Client(
      `127.0.0.1:${door.port}`,
      credentials.createSsl(foreign.ca, foreign.key, foreign.cert, { checkServerIdentity: () => undefined }),
    )
    const same = (bytes: Buffer) => bytes
    const { promise, resolve } = Promise.withResolvers<number>()
    client.makeUnaryRequest('/zerog.test.v1.EchoService/Unary', same, same, Buffer.from([]), (error) => resolve(error?.code ?? 0))
    expect(await promise).toBe(16)
    client.close()
    await door.close(500)
  })

  test('and none of these calls reached the handler', () => {
    expect(handled).toBe(0)
  })
})

test('the right identity is served', async () => {
  await call(await identity('ours', 'friend'))
  expect(handled).toBe(1)
})

test('a client refuses a server that is somebody else, whatever its address', async () => {
  const friend = await identity('ours', 'friend')
  await expect(call(friend, 'bank')).rejects.toMatchObject({
    reason: 'DEPENDENCY_UNAVAILABLE',
    message: expect.stringContaining('the server shows spiffe://devnet/echo, expected spiffe://devnet/bank'),
  })
})

test('health may be asked by every identity of the network, and follows the state', async () => {
  const health = echoFrom(await identity('ours', 'stranger')).client(HealthDefinition, 'echo')
  expect((await health.check({ service: '' })).status).toBe(1)
  expect((await health.check({ service: 'zerog.test.v1.EchoService' })).status).toBe(1)
  await expect(health.check({ service: 'none' })).rejects.toMatchObject({ reason: 'NOT_FOUND' })
  for await (const { status } of health.watch({ service: 'none' })) {
    expect(status).toBe(3)
    break
  }
})

test('a rotated certificate is used without a restart, and half of a rotation is not', async () => {
  const rotating = folder('rotating')
  await cp(folder('ours'), rotating, { recursive: true })
  const loaded = await loadTlsIdentity({ dir: rotating, network, target: 'echo' }, testHostDeps())
  closers.push(loaded.stop)
  const before = loaded.expiresAt()
  const fresh = folder('fresh')
  await cp(folder('ours'), fresh, { recursive: true })
  await issueIdentity({ dir: fresh, network, target: 'echo', force: true, nowMs: systemClock.nowMs() + 60_000 * 60 })

  const host = createHost({ target: 'echo', instance: 0 }, testHostDeps())
  host.add(EchoServiceDefinition, echoEndpoints())
  host.open()
  const door = await startGrpcServer({ host, identity: loaded, listen: { address: '127.0.0.1', port: 0 } })
  const friend = await identity('ours', 'friend')
  const connect = () => {
    const peers = createGrpcPeers({ identity: friend, peers: { echo: [`127.0.0.1:${door.port}`] } })
    closers.push(peers.close)
    return createModuleRpc({ identity: 'friend', network: createInProcessNetwork(), peers }, testHostDeps()).client(
      EchoServiceDefinition,
      'echo',
    )
  }
  await connect().unary(note)
  await cp(join(fresh, 'echo.key'), join(rotating, 'echo.key'))
  await loaded.refresh()
  expect(loaded.expiresAt()).toEqual(before)
  await connect().unary(note)
  // nowMs of the issue lies an hour ahead, so its validity starts later than now: issue again with the present time.
  await issueIdentity({ dir: rotating, network, target: 'echo', force: true, validityDays: 30 })
  await loaded.refresh()
  expect(loaded.expiresAt().getTime()).toBeLessThan(before.getTime())
  await connect().unary(note)
  await door.close(500)
})
