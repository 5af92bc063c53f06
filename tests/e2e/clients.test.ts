import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { EXIT } from '@zerog/cli'
import { artifacts } from '@zerog/contracts'
import { createZerogClient, zerogActions, zerogChain } from '@zerog/sdk'
import { nobleMultisignature, proveAccount } from '@zerog/sdk/light'
import { Contract, ContractFactory, JsonRpcProvider, Wallet, WebSocketProvider } from 'ethers'
import { createPublicClient, createWalletClient, type Hex, http, parseEther, webSocket } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { removeDevnet, startDevnet, type TestDevnet, temporaryFolder, until, zerog } from './devnet.ts'

jest.setTimeout(120_000)

let devnet: TestDevnet
beforeAll(async () => {
  devnet = await startDevnet(await temporaryFolder())
})
afterAll(() => removeDevnet(devnet.dataDir))

const keyOf = (index: number) => devnet.endpoints.accounts[index]?.privateKey as Hex
const signerOf = (index: number) => privateKeyToAccount(keyOf(index))
const { abi, bytecode } = artifacts.greeter

describe('viem through the gateway', () => {
  test('deploys, calls, sees events over WebSocket and decodes a revert', async () => {
    const { rpcUrl, wsUrl, chainId } = devnet.endpoints
    const chain = zerogChain({ chainId, rpcUrl })
    const reader = createPublicClient({ chain, transport: http(rpcUrl, { batch: true }), pollingInterval: 50 })
    const writer = createWalletClient({ chain, transport: http(rpcUrl), account: privateKeyToAccount(keyOf(2)) })
    const hash = await writer.deployContract({ abi, bytecode: bytecode as Hex, args: ['Hello'] })
    const address = (await reader.waitForTransactionReceipt({ hash })).contractAddress as Hex
    expect(await reader.readContract({ address, abi, functionName: 'greet', args: ['viem'] })).toBe('Hello, viem!')

    const socket = createPublicClient({ chain, transport: webSocket(wsUrl, { reconnect: false }) })
    const event = new Promise<any>((resolve) => {
      socket.watchContractEvent({ address, abi, eventName: 'GreetingChanged', onLogs: (logs) => resolve(logs[0]) })
    })
    const block = new Promise<bigint>((resolve) => {
      socket.watchBlockNumber({ onBlockNumber: resolve })
    })
    // Both subscriptions stand once a later request on the same socket is answered.
    await socket.getChainId()
    await socket.getBlockNumber()
    await writer.writeContract({ address, abi, functionName: 'setGreeting', args: ['Good day'] })
    expect((await event).args.greeting).toBe('Good day')
    expect(await block).toBeGreaterThan(0n)
    const rpc = await socket.transport.getRpcClient()
    rpc.close()

    const refused = reader.simulateContract({ address, abi, functionName: 'setGreeting', args: [''], account: writer.account })
    await expect(refused).rejects.toThrow(/EmptyGreeting/)
  })

  test('is extended by zerogActions', async () => {
    const { rpcUrl, storage, chainId } = devnet.endpoints
    const endpoints = { rpcUrl, nodeUrl: storage?.nodeUrl ?? '', indexerUrl: storage?.indexerUrl ?? '' }
    const client = createWalletClient({
      chain: zerogChain({ chainId, rpcUrl }),
      transport: http(rpcUrl),
      account: privateKeyToAccount(keyOf(3)),
    }).extend(zerogActions({ endpoints }))
    const bytes = new TextEncoder().encode('through a viem client')
    const { root } = await client.zerog.storage.upload(bytes)
    expect(new Uint8Array(await client.zerog.storage.downloadBytes(root))).toEqual(bytes)
  })
})

describe('the light client through the gateway', () => {
  test('proves an account from the certificate of the running validator, and the command says so', async () => {
    const { rpcUrl, accounts } = devnet.endpoints
    const client = createZerogClient({ endpoints: { rpcUrl, nodeUrl: rpcUrl, indexerUrl: rpcUrl }, account: signerOf(8) })
    const { hash } = await client.chain.send({ to: accounts[9]?.address as Hex, value: 7n })
    await client.chain.waitForReceipt({ hash })
    const status = await devnet.zerog('chain', 'status', '--json')
    const { finality, peers } = status.json().data
    expect({ code: status.code, peers, finality }).toMatchObject({
      code: 0,
      peers: 0,
      finality: { proven: true, trusted: false },
    })
    const options = { multisignature: nobleMultisignature, trust: finality.validatorSetHash }
    const address = accounts[9]?.address as Hex
    const { account, block } = await proveAccount(client, { address }, options)
    expect({ trusted: block.trusted, balance: account?.balance }).toEqual({
      trusted: true,
      balance: await client.chain.balance(address),
    })
    const wrong = await devnet.zerog('chain', 'status', '--trust', `0x${'ab'.repeat(32)}`)
    expect(wrong).toMatchObject({ code: EXIT.verificationFailed, out: expect.stringContaining('not proven') })
  })
})

describe('ethers through the gateway', () => {
  test('deploys, calls, batches, and subscribes', async () => {
    const { rpcUrl, wsUrl } = devnet.endpoints
    const provider = new JsonRpcProvider(rpcUrl, undefined, { polling: true, pollingInterval: 50 })
    const wallet = new Wallet(keyOf(4), provider)
    const deployed = await new ContractFactory(abi as any, bytecode, wallet).deploy('Hi')
    await deployed.waitForDeployment()
    const greeter = new Contract(await deployed.getAddress(), abi as any, wallet)
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => greeter.greet?.(`e${index}`)))
    expect(answers).toEqual(Array.from({ length: 20 }, (_, index) => `Hi, e${index}!`))
    const socket = new WebSocketProvider(wsUrl)
    const height = new Promise<number>((resolve) => void socket.on('block', resolve))
    // ethers does not say when its subscription stands, so blocks are made until it reports one.
    let seen = 0
    void height.then((value) => {
      seen = value
    })
    await until('a block arrives over the socket', async () => {
      const sent = await wallet.sendTransaction({ to: wallet.address, value: parseEther('1') })
      expect((await sent.wait())?.status).toBe(1)
      return seen > 0
    })
    await socket.destroy()
    provider.destroy()
  })

  test('opens accounts of the command, and the command opens accounts of ethers', async () => {
    const env = { XDG_CONFIG_HOME: `${devnet.dataDir}/config`, ZEROG_PASSWORD: 'secret' }
    const wallet = new Wallet(keyOf(5))
    const made = await zerog(['account', 'import', 'five', '--json'], { ...env, ZEROG_PRIVATE_KEY: wallet.privateKey })
    const { readFile, writeFile } = await import('node:fs/promises')
    const opened = await Wallet.fromEncryptedJson(await readFile(made.json().data.path, 'utf8'), 'secret')
    expect(opened.address).toBe(wallet.address)
    const file = `${devnet.dataDir}/ethers.json`
    await writeFile(file, await wallet.encrypt('secret'))
    const sent = await zerog(
      ['chain', 'send', 'dev0', '--value', '1wei', '--json', '--key-file', file, '--data-dir', devnet.dataDir],
      env,
    )
    expect(sent.json()).toMatchObject({ ok: true, data: { from: wallet.address } })
  })
})

describe('the command against a running devnet', () => {
  test('every document has the version and says ok', async () => {
    const block = (await devnet.zerog('chain', 'block', '--json')).json()
    expect(block).toMatchObject({
      v: 1,
      ok: true,
      data: { hash: expect.stringMatching(/^0x/), number: expect.stringMatching(/^\d+$/) },
    })
    for (const args of [
      ['chain', 'status'],
      ['chain', 'balance', 'dev1'],
      ['chain', 'logs', '--from', '0'],
      ['storage', 'ls'],
      ['status'],
      ['account', 'list'],
      ['config', 'print', '--target', 'gateway'],
      ['config', 'verify'],
    ]) {
      expect({ args, ...(await devnet.zerog(...args, '--json')).json() }).toMatchObject({ args, v: 1, ok: true })
    }
  })

  test('exit codes say what kind of failure it was', async () => {
    const codes = await Promise.all(
      [
        ['chain', 'tx', `0x${'ab'.repeat(32)}`],
        ['storage', 'stat', `0x${'ab'.repeat(32)}`],
        ['chain', 'send', 'dev1', '--value', '999999999'],
        ['chain', 'send', '0x0600000000000000000000000000000000000101', '--data', '0x12345678'],
        ['chain', 'send', 'dev1', '--account', 'nobody'],
        ['chain', 'send', 'dev1', '--value', 'much'],
        ['storage', 'cp', 'a', 'b'],
      ].map(async (args) => (await devnet.zerog(...args)).code),
    )
    expect(codes).toEqual([
      EXIT.notFound,
      EXIT.notFound,
      EXIT.insufficientFunds,
      EXIT.refused,
      EXIT.notFound,
      EXIT.usage,
      EXIT.usage,
    ])
  })

  test('a file goes in and comes out, and one flipped byte is noticed', async () => {
    const { readFile, writeFile } = await import('node:fs/promises')
    const file = `${devnet.dataDir}/input.bin`
    const bytes = Uint8Array.from({ length: 700_000 }, (_, index) => (index * 131) & 0xff)
    await writeFile(file, bytes)
    const dry = (await devnet.zerog('storage', 'cp', file, 'zg://', '--dry-run', '--json')).json().data
    const { data } = (await devnet.zerog('storage', 'cp', file, 'zg://', '--json')).json()
    expect(data).toMatchObject({ root: dry.root, fee: dry.fee, finalized: true, segments: { total: 3, sent: 3 } })
    expect((await devnet.zerog('storage', 'cp', `zg://${data.root}`, `${file}.out`, '--json')).code).toBe(0)
    expect(Buffer.compare(await readFile(`${file}.out`), bytes)).toBe(0)
    expect((await devnet.zerog('storage', 'cp', `zg://${data.root}`, `${file}.out`)).code).toBe(EXIT.refused)
    await writeFile(file, bytes.with(1, 0))
    expect((await devnet.zerog('storage', 'check', data.root, file)).code).toBe(EXIT.verificationFailed)
  })

  test('a storage method at the chain endpoint is answered too: one URL is enough', async () => {
    const { rpcUrl } = devnet.endpoints
    const client = createZerogClient({ endpoints: { rpcUrl, nodeUrl: rpcUrl, indexerUrl: rpcUrl } })
    expect(await client.storage.status()).toMatchObject({ chainId: 31337 })
  })
})
