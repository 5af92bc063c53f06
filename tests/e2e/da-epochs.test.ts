import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { daSignersAbi, developmentDaNode, PREDEPLOY_ADDRESSES } from '@zerog/contracts'
import { encodeFunctionData } from 'viem'
import { removeDevnet, startDevnet, type TestDevnet, temporaryFolder, until } from './devnet.ts'

jest.setTimeout(120_000)

let dataDir: string | undefined
let devnet: TestDevnet
const old = { bytes: randomBytes(50_000), id: '' }

beforeAll(async () => {
  dataDir = await temporaryFolder()
  devnet = await startDevnet(dataDir)
})
afterAll(async () => {
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
