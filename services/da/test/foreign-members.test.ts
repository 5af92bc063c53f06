import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { systemClock } from '@zerog/adapters/clock/system'
import { cryptoRandom } from '@zerog/adapters/random/crypto'
import { assignRows, createWindow, type Member, windowMessage } from '@zerog/availability'
import { blstMultisignature } from '@zerog/consensus/blst'
import { concatBytes, ZerogError } from '@zerog/primitives'
import { BlobState } from '@zerog/proto/da'
import { createInProcessNetwork, createMetrics, createModuleRpc, createTracing, learnCertificate } from '@zerog/runtime'
import { initAuthority, issueIdentity } from '@zerog/runtime/certs'
import { nodeDialer } from '../src/adapters/foreign/dialer.ts'
import { rpcMemberConnector } from '../src/adapters/grpc/member-connector.ts'
import { rpcSourceConnector } from '../src/adapters/grpc/source-connector.ts'
import { bytesOf, CHAIN_ID, codedBundle, membersOf } from './support/members.ts'
import { pipeline, retrieve, untilState, upload } from './support/pipeline.ts'

const STAKES = Array.from({ length: 7 }, () => 1n)
const FOREIGN = 3
const { committee } = membersOf(STAKES)
const coded = codedBundle([bytesOf(60_000, 4)], committee, BigInt(Math.floor(Date.now() / 1000)) + 86_400n)
const bundle = {
  ...coded.encoded,
  copyPath: (index: number, target: Uint8Array) => target.set(concatBytes(...coded.encoded.proof(index).path)),
  encodeMs: 0,
}
const indexes = assignRows(committee, coded.statement).rows(FOREIGN)
const never = new AbortController().signal
const put = { statement: coded.statement, coded: bundle, indexes }
const inTime = { signal: never, timeoutMs: 20_000 }

let folder: string
let node: ChildProcess
let address: string

async function startForeign(port: number): Promise<void> {
  const overrides = {
    dataDir: join(folder, 'data'),
    doorAddress: '127.0.0.1',
    doorPort: port,
    doorAuthoritiesFile: join(folder, 'home', 'ca.crt'),
  }
  const args = [
    join(import.meta.dirname, 'fixtures/door-process.ts'),
    String(FOREIGN),
    STAKES.join(','),
    JSON.stringify(overrides),
  ]
  node = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: process.env.PATH ?? '' } })
  address = await new Promise<string>((resolve, reject) => {
    let text = ''
    node.stdout?.on('data', (chunk: Buffer) => {
      text += chunk
      const found = /door (\S+)/.exec(text)?.[1]
      if (found !== undefined) resolve(found)
    })
    node.once('exit', (code) => reject(new Error(`the node ended with ${code}: ${text}`)))
  })
}

async function kill(): Promise<void> {
  const ended = new Promise((resolve) => node.once('exit', resolve))
  node.kill('SIGKILL')
  await ended
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zerog-foreign-'))
  for (const home of ['home', 'stranger']) {
    await initAuthority(join(folder, home), home)
    for (const target of ['da-encoder', 'da-disperser', 'da-retriever', 'da-node'])
      await issueIdentity({ dir: join(folder, home), network: home, target })
  }
  await startForeign(0)
}, 60_000)
afterAll(async () => {
  await kill()
  await rm(folder, { recursive: true, force: true })
})

/** How a target of an installation reaches members. */
function dialerOf(target: string, home: string | null) {
  const meter = createMetrics().meter({ target, replica: '0' })
  const deps = { clock: systemClock, random: cryptoRandom, meter }
  const rpc = createModuleRpc({ identity: target, network: createInProcessNetwork() }, { ...deps, tracing: createTracing() })
  const identityDir = home === null ? null : join(folder, home)
  return nodeDialer({ target, chainId: CHAIN_ID, identityDir }, { rpc, ...deps })
}

const at = (socket: string, member = FOREIGN): Member => ({ ...(committee.members[member] as Member), socket })
const refusal = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (reason) => reason,
  )
  return error instanceof ZerogError ? `${error.reason} ${error.metadata.check ?? ''}`.trim() : String(error)
}

test('a member that another operator runs stores, signs and serves, reached by the address that it registered', async () => {
  const encoder = rpcMemberConnector(dialerOf('da-encoder', 'home'))(at(address))
  const disperser = rpcMemberConnector(dialerOf('da-disperser', 'home'))(at(address))
  expect(await refusal(disperser.signWindow([coded.statement], never))).toBe('WRONG_STATE')
  await encoder.putRows(put, inTime)
  const signature = await disperser.signWindow([coded.statement], never)
  const message = windowMessage(createWindow([coded.statement], committee, CHAIN_ID))
  expect(blstMultisignature.verify([committee.publicKeys[FOREIGN] as Uint8Array], message, signature)).toBe(true)
  const source = rpcSourceConnector(dialerOf('da-retriever', 'home'))(at(address))
  const found: number[] = []
  for await (const rows of source.rows({ commitment: coded.statement.commitment, indexes: [...indexes] }, never)) {
    for (const { index, row } of rows) {
      expect(Buffer.compare(row, coded.encoded.row(index))).toBe(0)
      found.push(index)
    }
  }
  expect(found.sort((a, b) => a - b)).toEqual([...indexes].sort((a, b) => a - b))
  expect((await source.code(coded.statement.commitment, never)).rlc).toHaveLength(16 * coded.statement.k)
}, 60_000)

test('nothing is sent to an address whose certificate another key vouches for', async () => {
  const encoder = rpcMemberConnector(dialerOf('da-encoder', 'home'))(at(address, 1))
  expect(await refusal(encoder.putRows(put, inTime))).toBe('VERIFICATION_FAILED binding_signature')
}, 60_000)

test('only targets of listed authorities may call, each what it may call inside', async () => {
  const stranger = rpcMemberConnector(dialerOf('da-encoder', 'stranger'))(at(address))
  expect(await refusal(stranger.putRows(put, inTime))).toBe('DEPENDENCY_UNAVAILABLE')
  const retriever = rpcMemberConnector(dialerOf('da-retriever', 'home'))(at(address))
  expect(await refusal(retriever.putRows(put, inTime))).toBe('IDENTITY_NOT_ALLOWED')
}, 60_000)

test('a socket that leads nowhere, and an installation that shows nobody, are told by name', async () => {
  for (const [socket, home] of [
    [address, null],
    ['nowhere', 'home'],
    ['127.0.0.1:1', 'home'],
  ] as const) {
    const member = rpcMemberConnector(dialerOf('da-disperser', home))(at(socket))
    expect(await refusal(member.signWindow([coded.statement], never))).toBe('DEPENDENCY_UNAVAILABLE')
  }
}, 60_000)

test('a server that never finishes its handshake is given up', async () => {
  const silent = createServer((socket) => void socket.on('error', () => {}).resume())
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = silent.address() as AddressInfo // it listens
    const started = performance.now()
    const learned = learnCertificate({ host: '127.0.0.1', port }, { timeoutMs: 300 })
    expect(await refusal(learned)).toBe('DEADLINE_EXCEEDED')
    expect(performance.now() - started).toBeGreaterThan(250)
  } finally {
    await new Promise((resolve) => silent.close(resolve))
  }
}, 60_000)

test('a member that comes back with another certificate is found again', async () => {
  const disperser = rpcMemberConnector(dialerOf('da-disperser', 'home'))(at(address))
  const before = await disperser.signWindow([coded.statement], never)
  await kill()
  await startForeign(Number(address.split(':').at(-1)))
  let again: Uint8Array | undefined
  for (let attempt = 0; again === undefined && attempt < 60; attempt++) {
    again = await disperser.signWindow([coded.statement], never).catch(() => undefined)
    if (again === undefined) await systemClock.sleep(250, never)
  }
  expect(again && Buffer.compare(again, before)).toBe(0)
}, 60_000)

test('blobs are dispersed to a committee with a member elsewhere, which signs and serves what the others here cannot', async () => {
  const open = await pipeline({
    stakes: STAKES,
    foreign: { member: FOREIGN, socket: address, identityDir: join(folder, 'home') },
  })
  try {
    // Five of seven have two thirds, so without the one elsewhere there is no certificate.
    for (const member of [0, 1]) await open.stopNode(member)
    const data = [bytesOf(40_000, 11), bytesOf(300, 12), bytesOf(700_000, 13)]
    const accepted = await Promise.all(data.map((bytes) => open.disperser.disperse(upload(bytes))))
    const finals = await Promise.all(accepted.map(({ blob }) => untilState(open, blob?.id ?? '', BlobState.BLOB_STATE_FINALIZED)))
    expect(finals.map(({ state }) => state)).toEqual(data.map(() => BlobState.BLOB_STATE_FINALIZED))
    expect([...open.chain.records.values()].every(({ windows }) => windows === 1)).toBe(true)
    // One of seven holds too few rows to restore anything: half of what is read comes through the door.
    for (const member of [2, 4, 5]) await open.stopNode(member)
    for (const [index, final] of finals.entries()) {
      expect((await retrieve(open, final)).equals(data[index] as Uint8Array)).toBe(true)
    }
    // The proof of that: without it nothing comes back.
    await kill()
    await expect(retrieve(open, finals[2] as (typeof finals)[number])).rejects.toMatchObject({ reason: 'ROWS_INSUFFICIENT' })
  } finally {
    await open.close()
    if (node.exitCode !== null || node.signalCode !== null) await startForeign(Number(address.split(':').at(-1)))
  }
}, 120_000)
