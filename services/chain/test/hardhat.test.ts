import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { artifacts } from '@zerog/contracts'
import { type RpcServer, startRpcServer } from './support/rpc-server.ts'
import { createTestChain, type TestChain } from './support/test-chain.ts'

const project = fileURLToPath(new URL('../../../tests/clients/hardhat', import.meta.url))
const hardhat = join(createRequire(join(project, 'x.cjs')).resolve('hardhat/package.json'), '../internal/cli/bootstrap.js')

describe('Hardhat', () => {
  let chain: TestChain
  let server: RpcServer
  let folder: string
  beforeAll(async () => {
    chain = await createTestChain()
    server = await startRpcServer(chain)
    folder = await mkdtemp(join(tmpdir(), 'zerog-hardhat-'))
    const { abi, bytecode } = artifacts.greeter
    await writeFile(join(folder, 'Greeter.json'), JSON.stringify({ abi, bytecode }))
  })
  afterAll(async () => {
    await server.close()
    await chain.stop()
    await rm(folder, { recursive: true })
    expect(server.failures).toEqual([])
  })

  test.each(['zerog', 'zerogLocal'])(
    'runs a deploy script on network %s',
    async (network) => {
      const args = [hardhat, 'run', '--no-compile', '--network', network, 'scripts/deploy.cjs']
      const env = {
        PATH: process.env.PATH,
        // Hardhat keeps its settings below these.
        HOME: folder,
        XDG_CONFIG_HOME: folder,
        XDG_DATA_HOME: folder,
        XDG_CACHE_HOME: folder,
        CI: 'true',
        ZEROG_RPC_URL: server.url,
        ZEROG_ARTIFACT: join(folder, 'Greeter.json'),
      }
      const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: project, env, timeout: 60_000 })
      expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
        network,
        chainId: 31_337,
        deployer: '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266',
        greeting: 'Ciao, Hardhat!',
        events: ['Hello', 'Ciao'],
        status: 1,
        revert: 'EmptyGreeting',
      })
    },
    300_000,
  )
})
