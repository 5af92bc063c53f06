import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { EXIT, readEndpoints } from '@zerog/cli'
import { processesOf, removeDevnet, startDevnet, temporaryFolder, until, zerog } from './devnet.ts'

jest.setTimeout(180_000)

let folders: string[] = []
const folder = async () => {
  const path = await temporaryFolder()
  folders.push(path)
  return path
}
beforeEach(() => {
  folders = []
})
afterEach(async () => {
  for (const path of folders) await removeDevnet(path)
})

test('endpoints.json is readable by its owner only and gone after the stop', async () => {
  const devnet = await startDevnet(await folder(), '--chain-only')
  const path = join(devnet.dataDir, 'endpoints.json')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(await readEndpoints(devnet.dataDir)).toMatchObject({ v: 1, chainId: 31337, rpcUrl: devnet.endpoints.rpcUrl })
  expect(devnet.endpoints.accounts).toHaveLength(10)
  expect(devnet.endpoints.accounts[0]?.address).toBe('0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266')
  expect(devnet.endpoints.storage).toBeUndefined()
  await devnet.zerog('down')
  expect(existsSync(path)).toBe(false)
  expect((await devnet.zerog('down', '--json')).json().data).toEqual({ stopped: false, processes: 0, killed: 0 })
})

test('two devnets run side by side and do not see each other', async () => {
  const [first, second] = await Promise.all([
    startDevnet(await folder(), '--chain-only'),
    startDevnet(await folder(), '--chain-only'),
  ])
  await first.zerog('chain', 'send', 'dev1', '--value', '1')
  const heights = await Promise.all(
    [first, second].map(async (devnet) => (await devnet.zerog('chain', 'status', '--json')).json().data.height),
  )
  expect(heights).toEqual(['1', '0'])
})

test('a second devnet in the same folder is refused, and the first one goes on', async () => {
  const devnet = await startDevnet(await folder(), '--chain-only')
  const refused = await zerog(['up', '--json', '--port', '0', '--chain-only', '--data-dir', devnet.dataDir])
  expect(refused.code).toBe(EXIT.usage)
  expect(refused.json().error).toMatchObject({ reason: 'DATA_FOLDER_IN_USE', message: expect.stringContaining('npm run down') })
  expect((await devnet.zerog('status', '--json')).json().data.ready).toBe(true)
})

test('a taken port is named with the flags that move it, and nothing is left running', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const dataDir = await folder()
  const refused = await zerog(['up', '--json', '--port', String(port), '--port-offset', '3000', '--data-dir', dataDir])
  expect(refused.code).toBe(EXIT.usage)
  expect(refused.json().error).toMatchObject({
    reason: 'PORT_IN_USE',
    message: expect.stringMatching(new RegExp(`port ${port} .*--port-offset`)),
  })
  expect(processesOf(dataDir)).toEqual([])
  server.close()
})

test('--detach hands on why the devnet did not start', async () => {
  const dataDir = await folder()
  await mkdir(join(dataDir, 'targets'), { recursive: true })
  const refused = await zerog(['up', '--detach', '--json', '--port', '0', '--data-dir', dataDir])
  expect(refused.code).toBe(EXIT.verificationFailed)
  expect(refused.json().error).toMatchObject({ reason: 'DATA_FOLDER_DAMAGED', message: expect.stringContaining('--reset') })
})

test('data of another format is refused', async () => {
  const dataDir = await folder()
  await writeFile(join(dataDir, 'format.json'), '{"format":0}')
  const refused = await zerog(['up', '--json', '--port', '0', '--data-dir', dataDir])
  expect(refused.json().error).toMatchObject({ reason: 'WRONG_STATE', message: expect.stringContaining('too old') })
})

test('Ctrl-C in the foreground stops in order and exits 0', async () => {
  const dataDir = await folder()
  const { NODE_OPTIONS: _options, ...env } = process.env
  const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')
  const child = spawn(process.execPath, [main, 'up', '--port', '0', '--chain-only', '--data-dir', dataDir], {
    env,
    stdio: 'ignore',
  })
  await until('the devnet is ready', async () => (await readEndpoints(dataDir)) !== undefined)
  child.kill('SIGINT')
  expect(await once(child, 'exit')).toEqual([0, null])
  expect(processesOf(dataDir)).toEqual([])
})

test.each([
  ['one process', []],
  ['one process per target', ['--processes']],
])('%s: everything dies with a killed launcher, and the next start heals', async (_shape, flags) => {
  const devnet = await startDevnet(await folder(), ...flags)
  const sent = (await devnet.zerog('chain', 'send', 'dev1', '--value', '1', '--json')).json().data
  process.kill(devnet.pid, 'SIGKILL')
  await until('no process is left', () => processesOf(devnet.dataDir).length === 0, 20_000)
  const again = await startDevnet(devnet.dataDir, ...flags)
  const receipt = (await again.zerog('chain', 'receipt', sent.hash, '--json')).json().data
  expect(receipt).toMatchObject({ status: 'success', transactionHash: sent.hash })
})

test('a killed child is started again, and clients go on', async () => {
  const devnet = await startDevnet(await folder(), '--processes')
  const before = devnet.endpoints.services['chain-rpc']?.pid ?? 0
  process.kill(before, 'SIGKILL')
  await until('endpoints.json names the new process', async () => {
    const pid = (await readEndpoints(devnet.dataDir))?.services['chain-rpc']?.pid
    return pid !== undefined && pid !== before
  })
  expect((await devnet.zerog('chain', 'send', 'dev1', '--value', '1', '--json')).code).toBe(0)
  await until('the doctor finds nothing', async () => (await devnet.zerog('doctor', '--json')).code === 0)
})
