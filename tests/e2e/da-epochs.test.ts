import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { daSignersAbi, developmentDaNode, PREDEPLOY_ADDRESSES } from '@zerog/contracts'
import { initAuthority, issueIdentity } from '@zerog/runtime/certs'
import { encodeFunctionData } from 'viem'
import { removeDevnet, startDevnet, type TestDevnet, temporaryFolder, until } from './devnet.ts'

jest.setTimeout(120_000)

const MAIN = join(import.meta.dirname, '../../packages/cli/src/main.ts')
let dataDir: string | undefined
let foreignDir = ''
let devnet: TestDevnet
let member: ChildProcess | undefined
const old = { bytes: randomBytes(50_000), id: '' }

beforeAll(async () => {
  dataDir = await temporaryFolder()
  foreignDir = await temporaryFolder()
  // What this installation shows to members of others.
  const shown = join(foreignDir, 'home')
  await initAuthority(shown, 'home')
  for (const target of ['da-node', 'da-encoder', 'da-disperser', 'da-retriever']) {
    await issueIdentity({ dir: shown, network: 'home', target })
    process.env[`ZEROG_${target.toUpperCase().replaceAll('-', '_')}_IDENTITY_DIR`] = shown
  }
  devnet = await startDevnet(dataDir)
})
afterAll(async () => {
  member?.kill('SIGKILL')
  if (foreignDir !== '') await rm(foreignDir, { recursive: true, force: true })
  if (dataDir !== undefined) await removeDevnet(dataDir)
})

async function zerog(...args: readonly string[]): Promise<any> {
  const { code, err, json, out } = await devnet.zerog(...args, '--json')
  return code === 0 ? json().data : { ...JSON.parse(out === '' ? err : out).error, code }
}

async function disperse(bytes: Uint8Array): Promise<{ id: string; epoch: number }> {
  const path = join(devnet.dataDir, 'blob.bin')
  await writeFile(path, bytes)
  const { id, parts } = await zerog('da', 'disperse', path)
  return { id, epoch: parts[0].epoch }
}

const epoch = async () => Number((await zerog('da', 'epoch', 'status')).epoch)

test('only the owner begins an epoch early; dispersal goes on in it', async () => {
  const first = await disperse(old.bytes)
  old.id = first.id
  expect(first.epoch).toBe(1)
  expect(await zerog('da', 'epoch', 'make', '--account', 'dev1')).toMatchObject({
    reason: 'TRANSACTION_REFUSED',
    message: expect.stringContaining('EpochNotOver('),
  })
  expect(await zerog('da', 'epoch', 'make', '--dry-run')).toMatchObject({ dryRun: true })
  expect(await epoch()).toBe(1)
  expect(Number((await zerog('da', 'epoch', 'make')).epoch)).toBe(2)
  expect((await disperse(randomBytes(1000))).epoch).toBe(2)
})

test('a member that registers is in the next committee once it has votes, and out again when it leaves', async () => {
  const { blsSecretKey, privateKey, address } = developmentDaNode(77)
  const [blsKeyFile, keyFile] = [join(devnet.dataDir, 'node.key'), join(devnet.dataDir, 'account.key')]
  await writeFile(keyFile, privateKey)
  await zerog('chain', 'send', address, '--value', '1')
  const asMember = (...args: readonly string[]) => zerog('da', 'node', ...args, '--key-file', keyFile)
  expect(await asMember('update', '--socket', '9')).toMatchObject({ message: expect.stringContaining('NotRegistered') })
  await writeFile(blsKeyFile, 'f'.repeat(64))
  expect(await asMember('register', '--bls-key-file', blsKeyFile, '--socket', '9')).toMatchObject({ reason: 'INVALID_ARGUMENT' })
  await writeFile(blsKeyFile, Buffer.from(blsSecretKey).toString('hex'))
  await asMember('register', '--bls-key-file', blsKeyFile, '--socket', '9')
  await asMember('update', '--socket', 'member.example:34000')
  expect(await zerog('da', 'node', 'status', address)).toMatchObject({ registered: true, active: false, votes: '0' })
  expect(await asMember('set-votes', address, '1')).toMatchObject({ message: expect.stringContaining('NotWeigher') })
  await zerog('da', 'node', 'set-votes', address, '1')
  const before = (await zerog('da', 'committee')).members.length
  await zerog('da', 'epoch', 'make')
  const { members } = await zerog('da', 'committee', '--epoch', '3')
  expect(members.length).toBe(before + 1)
  expect(members.at(-1)).toMatchObject({ address, socket: 'member.example:34000' })
  await asMember('leave')
  await zerog('da', 'epoch', 'make')
  expect((await zerog('da', 'committee', '--epoch', '4')).members.length).toBe(before)
})

/** A da-node of another operator: certificates of its own network, the registry by JSON-RPC, a door for this installation. */
async function startMember(blsKeyFile: string): Promise<string> {
  const free = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => free.once('listening', resolve))
  const { port } = free.address() as AddressInfo // it listens
  await new Promise((resolve) => free.close(resolve))
  const tlsDir = join(foreignDir, 'tls')
  await initAuthority(tlsDir, 'elsewhere')
  await issueIdentity({ dir: tlsDir, network: 'elsewhere', target: 'da-node' })
  const { NODE_OPTIONS: _options, ...env } = process.env
  member = spawn(process.execPath, [MAIN, 'run', '--target=da-node'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...env,
      ZEROG_COMMON_NETWORK: 'elsewhere',
      ZEROG_COMMON_CHAIN_ID: '31337',
      ZEROG_COMMON_DATA_DIR: join(foreignDir, 'data'),
      ZEROG_COMMON_TLS_DIR: tlsDir,
      ZEROG_COMMON_GRPC_PORT: '0',
      ZEROG_COMMON_ADMIN_PORT: '0',
      ZEROG_DA_NODE_KEY_FILE: blsKeyFile,
      ZEROG_DA_NODE_CHAIN_RPC_URL: devnet.endpoints.rpcUrl,
      ZEROG_DA_NODE_DOOR_ADDRESS: '127.0.0.1',
      ZEROG_DA_NODE_DOOR_PORT: String(port),
      ZEROG_DA_NODE_DOOR_AUTHORITIES_FILE: join(foreignDir, 'home', 'ca.crt'),
    },
  })
  return `127.0.0.1:${port}`
}

test('a member that another operator runs is prepared, registered, probed and weighed; then no blob is certified without it', async () => {
  const { privateKey, address } = developmentDaNode(78)
  const [blsKeyFile, keyFile] = [join(foreignDir, 'node.key'), join(foreignDir, 'account.key')]
  await writeFile(keyFile, privateKey)
  await zerog('chain', 'send', address, '--value', '1')
  await zerog('da', 'node', 'make-key', blsKeyFile)
  const registration = join(foreignDir, 'member.json')
  await writeFile(
    registration,
    JSON.stringify(await zerog('da', 'node', 'prepare', '--bls-key-file', blsKeyFile, '--for', address)),
  )
  const socket = await startMember(blsKeyFile)
  const register = ['da', 'node', 'register', '--registration', registration, '--socket']
  expect(await zerog(...register, socket, '--account', 'dev1')).toMatchObject({ reason: 'INVALID_ARGUMENT' })
  expect(await zerog(...register, 'nowhere', '--key-file', keyFile)).toMatchObject({ reason: 'INVALID_ARGUMENT' })
  await zerog(...register, socket, '--key-file', keyFile)
  const probe = () => zerog('da', 'node', 'probe', address)
  await until('the door', async () => (await probe()).provenUntil !== undefined)
  expect(await probe()).toMatchObject({ socket, active: false })
  // Half of the stake: the others alone have no two thirds.
  const { members } = await zerog('da', 'committee')
  const others = members.reduce((sum: bigint, { stake }: { stake: string }) => sum + BigInt(stake), 0n)
  await zerog('da', 'node', 'set-votes', address, String(others))
  const next = Number((await zerog('da', 'epoch', 'make')).epoch)
  expect((await zerog('da', 'committee', '--epoch', String(next))).members.at(-1)).toMatchObject({ address, socket })
  const bytes = randomBytes(200_000)
  const { id, epoch: at } = await disperse(bytes)
  expect(at).toBe(next)
  const copy = join(foreignDir, 'copy.bin')
  expect(await zerog('da', 'get', id, copy)).toMatchObject({ verified: true })
  expect(bytes.equals(await readFile(copy))).toBe(true)
  await zerog('da', 'node', 'leave', '--key-file', keyFile)
  await zerog('da', 'epoch', 'make')
})

test('the keeper begins the next epoch when the present one is over, and the blob of the first one is still read', async () => {
  const before = await epoch()
  const data = encodeFunctionData({ abi: daSignersAbi, functionName: 'setEpochBlocks', args: [3] })
  await zerog('chain', 'send', PREDEPLOY_ADDRESSES.daSigners, '--data', data)
  await zerog('chain', 'send', 'dev1', '--value', '1')
  await zerog('chain', 'send', 'dev1', '--value', '1')
  await until('the next epoch', async () => (await epoch()) > before)
  expect((await disperse(randomBytes(2000))).epoch).toBeGreaterThan(before)
  const copy = join(devnet.dataDir, 'copy.bin')
  expect(await zerog('da', 'get', old.id, copy)).toMatchObject({ verified: true })
  expect(old.bytes.equals(await readFile(copy))).toBe(true)
})
