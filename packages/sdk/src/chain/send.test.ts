import { describe, expect, test } from '@jest/globals'
import { ZerogError } from '@zerog/primitives'
import { createWalletClient, custom, type EIP1193Provider } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { createZerogClient, memoryTransport, type RpcRequest, type Signer, type Transport } from '../index.ts'

const account = privateKeyToAccount(`0x${'11'.repeat(32)}`)
const to = privateKeyToAccount(`0x${'22'.repeat(32)}`).address

/** What a viem wallet of the user's program talks to. */
const providerOf = (transport: Transport) => ({ request: (request: RpcRequest) => transport.request('rpc', request) })

/** A wallet in the browser: holds the key, counts its nonces, and answers eth_sendTransaction; everything else goes to the node. */
function injectedWallet(transport: Transport): EIP1193Provider {
  const inner = createWalletClient({ account, transport: custom(providerOf(transport), { retryCount: 0 }) })
  const request = ({ method, params }: { method: string; params?: any }) => {
    if (method !== 'eth_sendTransaction') return transport.request('rpc', { method, params: params ?? [] })
    const { from, to, value, data, gas, chainId } = params[0]
    if (typeof chainId === 'number') throw new Error('quantities are hexadecimal')
    if (from.toLowerCase() !== account.address.toLowerCase()) throw new Error(`${from} is not an account of this wallet`)
    const fees = { maxFeePerGas: BigInt(params[0].maxFeePerGas), maxPriorityFeePerGas: BigInt(params[0].maxPriorityFeePerGas) }
    return inner.sendTransaction({ chain: null, to, value: BigInt(value ?? 0), data, gas: BigInt(gas), ...fees })
  }
  return { request } as unknown as EIP1193Provider // it has no events
}

const signers: readonly (readonly [string, (transport: Transport) => Signer])[] = [
  ['a local account', () => account],
  [
    'a wallet client with a local account',
    (transport) => createWalletClient({ account, transport: custom(providerOf(transport)) }),
  ],
  [
    'a wallet client of a browser wallet',
    (transport) => createWalletClient({ account: account.address, transport: custom(injectedWallet(transport)) }),
  ],
  ['a browser wallet', (transport) => ({ provider: injectedWallet(transport), address: account.address })],
]

describe.each(signers)('%s', (_, signerOf) => {
  test('sends transactions and pays for uploads', async () => {
    const transport = memoryTransport()
    const client = createZerogClient({ transport, account: signerOf(transport) })
    const { hash, from } = await client.chain.send({ to, value: 5n })
    expect(from).toBe(account.address)
    expect(await client.chain.waitForReceipt({ hash })).toMatchObject({ status: 'success' })
    expect(await client.chain.nonce(account.address)).toBe(1)
    expect(await client.storage.upload(Uint8Array.of(1, 2, 3))).toMatchObject({ finalized: true })
    expect(await client.chain.nonce(account.address)).toBe(2)
  })
})

test.each(signers.slice(0, 2))('%s gets a nonce for each of ten transactions at once', async (_, signerOf) => {
  const transport = memoryTransport()
  const client = createZerogClient({ transport, account: signerOf(transport) })
  const sent = await Promise.all(Array.from({ length: 10 }, () => client.chain.send({ to, value: 1n })))
  expect(new Set(sent.map(({ hash }) => hash)).size).toBe(10)
  expect(await client.chain.nonce(account.address)).toBe(10)
})

test.each(signers.slice(0, 2))('%s asks the node only for what it needs, once', async (_, signerOf) => {
  const inner = memoryTransport()
  const methods: string[] = []
  const transport: Transport = {
    request: (face, request, options) => {
      methods.push(request.method)
      return inner.request(face, request, options)
    },
  }
  await createZerogClient({ transport, account: signerOf(transport) }).chain.send({ to, value: 1n })
  expect(methods).toEqual([
    'eth_chainId',
    'eth_estimateGas',
    'eth_getBlockByNumber',
    'eth_maxPriorityFeePerGas',
    'eth_getBalance',
    'eth_getTransactionCount',
    'eth_sendRawTransaction',
  ])
})

test('a wallet client with an action of its own sends by it', async () => {
  const transport = memoryTransport()
  const hash = `0x${'ab'.repeat(32)}` as const
  const plain = createWalletClient({ account: account.address, transport: custom(providerOf(transport)) })
  const client = createZerogClient({ transport, account: plain.extend(() => ({ sendTransaction: async () => hash })) as never })
  expect((await client.chain.send({ to, value: 1n })).hash).toBe(hash)
})

test('without an account the refusal says how to give one', async () => {
  const failure = await createZerogClient({ transport: memoryTransport() })
    .chain.send({ to })
    .catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(ZerogError)
  expect(failure).toMatchObject({ reason: 'UNAUTHENTICATED' })
})
