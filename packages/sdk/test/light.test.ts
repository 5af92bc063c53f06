import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { artifacts } from '@zerog/contracts'
import { type Hex, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { createWalletClient, http, pad, toHex } from 'viem'
import { getTransactionReceipt } from 'viem/actions'
import { createChainBackend } from '../../../services/chain/test/support/create-chain-backend.ts'
import { type RpcServer, startRpcServer } from '../../../services/chain/test/support/rpc-server.ts'
import { account, included } from '../../../services/chain/test/support.ts'
import { type Context, createZerogClient, httpTransport, type Transport, zerogChain } from '../src/index.ts'
import { nobleMultisignature, proveAccount, proveBlock, type TrustOptions } from '../src/light.ts'

// Pairings in JavaScript on a machine that may be busy.
jest.setTimeout(300_000)

const STRANGER: Hex = '0x00000000000000000000000000000000000a11ce'
const RICH = account(1).address

let chain: Awaited<ReturnType<typeof createChainBackend>>
let server: RpcServer
let transport: Transport
let greeter: Hex

beforeAll(async () => {
  // Epochs of three blocks: the certificates are of several.
  chain = await createChainBackend({ chainOnly: false, epochLength: 3n })
  server = await startRpcServer(chain.backend)
  const endpoints = { rpcUrl: server.url, nodeUrl: server.url, indexerUrl: server.url }
  transport = httpTransport(endpoints)
  const { abi, bytecode } = artifacts.greeter
  const wallet = createWalletClient({
    chain: zerogChain({ chainId: 31337, rpcUrl: server.url }),
    transport: http(server.url),
    account: account(2),
  })
  const hash = await wallet.deployContract({ abi, bytecode, args: ['hello'] })
  await included(chain.backend, hash)
  greeter = (await getTransactionReceipt(wallet, { hash })).contractAddress as Hex
  for (let index = 0; index < 6; index++) {
    await included(chain.backend, await wallet.sendTransaction({ to: STRANGER, value: BigInt(index) }))
  }
})
afterAll(async () => {
  await server.close()
  await chain.stop()
})

const clientOver = (over: Transport): Context =>
  createZerogClient({ endpoints: { rpcUrl: '', nodeUrl: '', indexerUrl: '' }, transport: over })
const options: TrustOptions = { multisignature: nobleMultisignature }
const trusting = (): TrustOptions => ({ ...options, trust: chain.backend.head().header.extraData })

/** The node's answers, changed by a liar on the way. */
function lying(method: string, change: (result: any) => unknown): Context {
  return clientOver({
    request: async (face, request, more) => {
      const result = await transport.request(face, request, more)
      return request.method === method ? change(result) : result
    },
  })
}

describe('against a running chain', () => {
  test('certificate, header and eth_getProof verify for the head, the blocks of every epoch, and absent accounts', async () => {
    const client = clientOver(transport)
    const head = chain.backend.head()
    expect(head.header.height).toBe(7n)
    const proven = await proveBlock(client, 'latest', trusting())
    expect(proven.header).toMatchObject({ hash: head.hash, height: 7n, stateRoot: head.header.stateRoot })
    expect(proven).toMatchObject({ trusted: true, validatorCount: 1, certificate: { epoch: 2n, view: 1, signerCount: 1 } })
    for (const height of [1n, 3n, 4n, 6n]) {
      const { header, certificate } = await proveBlock(client, height, trusting())
      expect(header.hash).toBe(chain.backend.blockByHeight(height)?.hash)
      expect(certificate).toMatchObject({ epoch: (height - 1n) / 3n, view: Number(((height - 1n) % 3n) + 1n), sizeBytes: 165 })
    }
    const account = await proveAccount(client, { address: STRANGER }, trusting())
    expect(account).toMatchObject({ account: { balance: 15n, nonce: 0n }, storage: [], block: { trusted: true } })
    const past = await proveAccount(client, { address: STRANGER, height: 1n }, trusting())
    expect(past.account).toBeUndefined()
    const slots = [0n, 1n, 77n].map((slot) => pad(toHex(slot), { size: 32 }))
    const contract = await proveAccount(client, { address: greeter, slots }, trusting())
    expect(contract.storage).toHaveLength(3)
    expect(contract.storage[2]).toBe(0n)
    expect(contract.storage.some((value) => value > 0n)).toBe(true)
  })

  test('without a trusted set the answer says that the node was believed', async () => {
    expect(await proveBlock(clientOver(transport), 'latest', options)).toMatchObject({ trusted: false })
  })

  test('genesis, unknown blocks and foreign sets are refused with the reason', async () => {
    const client = clientOver(transport)
    await expect(proveBlock(client, 0n, options)).rejects.toMatchObject({ reason: 'WRONG_STATE' })
    await expect(proveBlock(client, 99n, options)).rejects.toMatchObject({ reason: 'NOT_FOUND' })
    const foreign = { ...options, trust: `0x${'ab'.repeat(32)}` as Hex }
    await expect(proveBlock(client, 'latest', foreign)).rejects.toMatchObject({ reason: 'PROOF_INVALID' })
  })
})

describe('a lying node', () => {
  test('cannot show another block, certificate or set', async () => {
    const other = await transport.request('rpc', { method: 'zerog_getCertificate', params: ['0x2'] })
    const lies: Record<string, (result: any) => unknown> = {
      'the certificate of another block': (result) => ({ ...result, certificate: (other as any).certificate }),
      'another block': () => other,
      'no certificate': (result) => ({ ...result, certificate: null }),
      'no headers': (result) => ({ ...result, headers: [] }),
      'too many headers': (result) => ({ ...result, headers: Array(1_025).fill(result.headers[0]) }),
      'other epochs': (result) => ({ ...result, epochLength: '0x5' }),
      'no epochs': (result) => ({ ...result, epochLength: '0x0' }),
      'no answer': () => 'yes',
    }
    for (const [lie, change] of Object.entries(lies)) {
      const refused = proveBlock(lying('zerog_getCertificate', change), 5n, trusting())
      await expect(refused.catch((error: unknown) => ({ lie, error }))).resolves.toEqual({
        lie,
        error: expect.objectContaining({ reason: 'PROOF_INVALID' }),
      })
    }
  })

  test('cannot change a digit of certificate, header or set', async () => {
    const good: any = await transport.request('rpc', { method: 'zerog_getCertificate', params: ['0x5'] })
    const parts = ['certificate', 'validators', 'headers'] as const
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...parts), fc.nat(), fc.integer({ min: 1, max: 15 }), async (part, position, by) => {
        const text: string = part === 'headers' ? good.headers[0] : good[part]
        const digit = 2 + (position % (text.length - 2))
        const changed = (Number.parseInt(text[digit] as string, 16) ^ by).toString(16)
        const forged = text.slice(0, digit) + changed + text.slice(digit + 1)
        const client = lying('zerog_getCertificate', () => ({ ...good, [part]: part === 'headers' ? [forged] : forged }))
        const result = await proveBlock(client, 5n, trusting()).catch((error: unknown) => error)
        expect(result).toBeInstanceOf(ZerogError)
      }),
      { numRuns: 40 },
    )
  })

  test('cannot invent a balance', async () => {
    const client = lying('eth_getProof', (result) => ({ ...result, balance: '0x1' }))
    await expect(proveAccount(client, { address: RICH }, trusting())).rejects.toMatchObject({ reason: 'PROOF_INVALID' })
    const formless = lying('eth_getProof', (result) => ({ ...result, storageProof: [null] }))
    await expect(proveAccount(formless, { address: RICH }, trusting())).rejects.toMatchObject({ reason: 'PROOF_INVALID' })
  })

  test('that serves no certificates at all is told apart', async () => {
    const client = clientOver({
      request: async () => {
        throw new ZerogError('INVALID_ARGUMENT', { message: 'the method does not exist', metadata: { code: '-32601' } })
      },
    })
    await expect(proveBlock(client, 'latest', options)).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' })
  })
})
