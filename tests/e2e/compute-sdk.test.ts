import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { developmentAccounts } from '@zerog/contracts'
import { gatewayModule } from '@zerog/gateway'
import { type TestContext, testContext } from '@zerog/runtime/testing'
import {
  type BrokerInstallation,
  brokerInstallation,
  eventually,
} from '../../services/compute/test/support/broker-installation.ts'
import { mockModel } from '../../services/compute/test/support/mock-worker.ts'

// 0G's compute SDK 0.9.0 with ethers 6.17.0, both unmodified, against chain, gateway and broker; the worker behind the broker is a mock and
// says so. The SDK sleeps a second before each of its transactions.
jest.setTimeout(300_000)

// The SDK never clears the five minutes that it gives each transaction: they must not hold the process after the last test.
const setTimer = globalThis.setTimeout
globalThis.setTimeout = Object.assign((task: (...args: any[]) => void, ms?: number, ...args: any[]) => {
  const timer = setTimer(task, ms, ...args)
  return (ms ?? 0) >= 300_000 ? timer.unref() : timer
}, setTimer)

const require = createRequire(import.meta.url)
const { ethers, sdk } = require('@zerog/test-client-compute')

const USER = 3
let installation: BrokerInstallation
let gateway: TestContext<unknown>
let rpcUrl: string
let rpc: any
let user: any
let folder: string
const og = (amount: number | string): bigint => ethers.parseEther(String(amount))

beforeAll(async () => {
  for (const name of ['log', 'warn', 'error', 'info'] as const) jest.spyOn(console, name).mockImplementation(() => {})
  installation = await brokerInstallation()
  gateway = await testContext({ module: gatewayModule, config: { port: 0, heightStamping: false }, world: installation.world })
  rpcUrl = (await gateway.start()).faces?.rpcUrl ?? ''
  rpc = new ethers.JsonRpcProvider(rpcUrl, undefined, { cacheTimeout: -1, batchStallTime: 1 })
  rpc.pollingInterval = 20
  folder = await mkdtemp(join(tmpdir(), 'zerog-compute-sdk-'))
  const account = developmentAccounts()[USER] as { privateKey: string }
  user = await sdk.createZGComputeNetworkBroker(new ethers.Wallet(account.privateKey, rpc))
  await eventually(async () => (await user.inference.listService()).length === 1)
})
afterAll(async () => {
  rpc?.destroy()
  await gateway?.close()
  await installation?.close()
  await rm(folder, { recursive: true, force: true })
  jest.restoreAllMocks()
})

/** A chat as an application makes it: the SDK's headers, the service's endpoint, its own HTTP. */
async function chat(body: Record<string, unknown>, headers?: Record<string, string>) {
  const { endpoint, model } = await user.inference.getServiceMetadata(installation.provider)
  const signed = headers ?? (await user.inference.getRequestHeaders(installation.provider))
  return fetch(`${endpoint}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...signed },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello there' }], ...body }),
  })
}

describe('@0gfoundation/0g-compute-ts-sdk 0.9.0 against the broker', () => {
  test('lists the service that the broker registered, with its model and prices', async () => {
    const reader = await sdk.createZGComputeNetworkReadOnlyBroker(rpcUrl, 31_337)
    const [service] = await reader.inference.listService()
    expect(service.toObject()).toMatchObject({
      provider: ethers.getAddress(installation.provider),
      url: installation.url(),
      model: 'mock-model',
      verifiability: 'OpML',
      teeSignerAcknowledged: true,
    })
    expect(await user.inference.getServiceMetadata(installation.provider)).toEqual({
      endpoint: `${installation.url()}/v1/proxy`,
      model: 'mock-model',
    })
  })

  test('opens a ledger and a sub-account, and acknowledges the provider', async () => {
    await user.ledger.addLedger(12)
    await user.ledger.transferFund(installation.provider, 'inference', og(2))
    await user.inference.acknowledgeProviderSigner(installation.provider)
    expect(await user.inference.acknowledged(installation.provider)).toBe(true)
  })

  test('chats, and the signature of the answer verifies', async () => {
    const response = await chat({})
    expect(response.status).toBe(200)
    const answer = (await response.json()) as any
    expect(answer.choices[0].message.content).toBe('mock says: hello there')
    const id = response.headers.get('ZG-Res-Key')
    expect(id).toBe(answer.id)
    expect(await user.inference.processResponse(installation.provider, id, JSON.stringify(answer.usage))).toBe(true)
    await expect(user.inference.processResponse(installation.provider, 'chatcmpl-unknown', '{}')).rejects.toThrow()
  })

  test('streams, and the signature of the stream verifies', async () => {
    const response = await chat({ stream: true, stream_options: { include_usage: true } })
    const events = (await response.text()).split('\n\n').filter(Boolean)
    expect(events.at(-1)).toBe('data: [DONE]')
    const { usage, choices } = JSON.parse((events.at(-2) as string).slice('data: '.length))
    expect(choices).toEqual([])
    const id = response.headers.get('ZG-Res-Key')
    expect(await user.inference.processResponse(installation.provider, id, JSON.stringify(usage))).toBe(true)
  })

  test('the signature is still there after the broker was restarted', async () => {
    const response = await chat({})
    await response.arrayBuffer()
    const port = Number(new URL(installation.url()).port)
    await installation.restart({ port })
    const id = response.headers.get('ZG-Res-Key')
    expect(await user.inference.processResponse(installation.provider, id)).toBe(true)
  })

  test('an API key works until it is revoked on chain, and never after', async () => {
    const { rawToken: apiKey, tokenId } = await user.inference.requestProcessor.createApiKey(installation.provider)
    const headers = { Authorization: `Bearer ${apiKey}` }
    expect((await chat({}, headers)).status).toBe(200)
    const other = await user.inference.requestProcessor.createApiKey(installation.provider, { tokenId: tokenId + 1 })
    await user.inference.revokeApiKey(installation.provider, tokenId)
    // The very next call: no time for a cache to run out.
    const refused = await chat({}, headers)
    expect(refused.status).toBe(401)
    expect(await refused.json()).toEqual({ error: 'the token was revoked' })
    expect((await chat({}, { Authorization: `Bearer ${other.rawToken}` })).status).toBe(200)
    await user.inference.revokeAllTokens(installation.provider)
    expect((await chat({}, { Authorization: `Bearer ${other.rawToken}` })).status).toBe(401)
  })

  test('verifyService passes its own checks, while the report says that it is simulated', async () => {
    const result = await user.inference.verifyService(installation.provider, folder)
    expect(result).toMatchObject({
      success: true,
      signerVerification: { allMatch: true },
      composeVerification: { passed: true },
    })
    const report = JSON.parse(await readFile(join(folder, 'attestation_report.json'), 'utf8'))
    expect(report).toMatchObject({ simulated: true, quote: '', tcb_info: { simulated: true } })
  })

  test('fees are settled, and auto-funding keeps 2 0G above what is unsettled', async () => {
    const fresh = await sdk.createZGComputeNetworkBroker(
      new ethers.Wallet((developmentAccounts()[USER] as { privateKey: string }).privateKey, rpc),
    )
    const { paid } = await eventually(async () => {
      const totals = await installation.repository.totals()
      return totals.billable + totals.inBatches === 0n && totals
    })
    expect(paid).toBeGreaterThan(0n)
    const { balance } = await fresh.inference.getAccount(installation.provider)
    // The headers of the first chat topped the account up: what was put in is there, less what was paid.
    await fresh.inference.startAutoFunding(installation.provider, { interval: 60_000, bufferMultiplier: 3 })
    fresh.inference.stopAutoFunding(installation.provider)
    const after = (await fresh.inference.getAccount(installation.provider)).balance
    expect(after).toBeGreaterThanOrEqual(og(3))
    expect(after).toBeGreaterThan(balance)
  })

  test('a refund that was asked for is pending, and what is locked by it cannot be spent', async () => {
    await user.ledger.retrieveFund('inference')
    const account = await user.inference.getAccount(installation.provider)
    expect(account.pendingRefund).toBe(account.balance)
    const [, refunds] = await user.inference.getAccountWithDetail(installation.provider)
    expect(refunds.length).toBeGreaterThan(0)
    const { rawToken: apiKey } = await user.inference.requestProcessor.createApiKey(installation.provider)
    const refused = await chat({}, { Authorization: `Bearer ${apiKey}` })
    expect(refused.status).toBe(400)
    expect(((await refused.json()) as any).error).toMatchObject({ type: 'insufficient_quota', code: 'insufficient_quota' })
  })

  test('fine-tuning can be read, though nobody offers it', async () => {
    expect(await user.fineTuning.listService()).toEqual([])
    expect(Number(await user.fineTuning.getLockedTime())).toBeGreaterThan(0)
  })

  test('an engine that cannot be executed again makes no promise: processResponse is false', async () => {
    installation.worker.models = [mockModel('mock-model'), mockModel('mock-upstream', { reExecutable: false, engine: 3 })]
    await eventually(async () => {
      const [service] = await user.inference.listService()
      return service?.verifiability === '' && service.teeSignerAcknowledged
    })
    const reader = await sdk.createZGComputeNetworkBroker(
      new ethers.Wallet((developmentAccounts()[USER] as { privateKey: string }).privateKey, rpc),
    )
    await reader.ledger.transferFund(installation.provider, 'inference', og(3))
    user = reader
    const response = await chat({ model: 'mock-upstream' })
    expect(response.status).toBe(200)
    await response.arrayBuffer()
    expect(await reader.inference.processResponse(installation.provider, response.headers.get('ZG-Res-Key'))).toBe(false)
  })
})
