import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ledgerManagerAbi } from '@zerog/contracts'
import { decodeFunctionResult, encodeFunctionData, parseEther } from 'viem'
import { type BrokerInstallation, bearer, brokerInstallation, eventually } from './support/broker-installation.ts'
import { AT, accountOf, fund, inferenceServingAbi, transfer } from './support/chain.ts'

const USER = 1
const INPUT_WEI = parseEther('0.001')
const OUTPUT_WEI = parseEther('0.002')
const prices = { 'mock-model': { inputPriceWei: String(INPUT_WEI), outputPriceWei: String(OUTPUT_WEI) } }
const WAITING = { settleAfterMs: 86_400_000, settleAmountWei: String(parseEther('1000000')) }

let installation: BrokerInstallation
let token: string

beforeAll(async () => {
  installation = await brokerInstallation({ config: { prices, ...WAITING } })
  await eventually(async () => (await service())?.teeSignerAcknowledged)
  await fund(installation.chain, USER, installation.provider, '2')
  token = await bearer(USER, installation.provider)
})
afterAll(() => installation.close())

test('what a user took back while it was owed is paid out of his refund, to the wei', async () => {
  const ids = [await answered('one two three'), await answered('four five')]
  const fees = await Promise.all(ids.map(feeOf))
  // The mock says two words more than it was asked; a word is a token.
  const expected = 3n * INPUT_WEI + 5n * OUTPUT_WEI + 2n * INPUT_WEI + 4n * OUTPUT_WEI
  expect(fees.reduce((sum, fee) => sum + fee, 0n)).toBe(expected)

  await retrieve()
  expect(await account()).toMatchObject({ balance: parseEther('2'), pendingRefund: parseEther('2') })
  // Everything is on its way back: nothing is left to answer for.
  expect((await chat('one more')).status).toBe(400)
  // The acknowledgement of an answer follows its last byte after a moment.
  await eventually(async () => (await installation.repository.totals()).billable === expected)

  await installation.restart({ settleAfterMs: 100 })
  await eventually(async () => (await installation.repository.totals()).paid === expected)
  const rest = parseEther('2') - expected
  expect(await account()).toMatchObject({ balance: rest, pendingRefund: rest })
  expect(await installation.repository.totals()).toEqual({ billable: 0n, inBatches: 0n, paid: expected, carried: 0n })
  expect(await installation.repository.unsettled(accountOf(USER).address.toLowerCase() as `0x${string}`)).toBe(0n)
  for (const id of ids) expect((await installation.repository.receipt(id))?.state).toBe('batched')

  // New money cancels what waits to go back, and the account is served again.
  await transfer(installation.chain, USER, installation.provider, '1.5')
  await eventually(async () => (await chat('again')).status === 200)
})

function chat(content: string): Promise<Response> {
  return fetch(`${installation.url()}/v1/proxy/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: token },
    body: JSON.stringify({ model: 'mock-model', messages: [{ role: 'user', content }], max_tokens: 10 }),
  })
}

async function answered(content: string): Promise<string> {
  const response = await chat(content)
  const text = await response.text()
  expect({ status: response.status, text }).toMatchObject({ status: 200 })
  return response.headers.get('zg-res-key') as string
}

async function feeOf(id: string): Promise<bigint> {
  return (await installation.repository.receipt(id))?.receipt.fee ?? 0n
}

async function retrieve(): Promise<void> {
  const args = [[installation.provider], 'inference-v1.0'] as const
  const data = encodeFunctionData({ abi: ledgerManagerAbi, functionName: 'retrieveFund', args })
  await installation.chain.send(USER, { to: AT.ledgerManager, data })
}

async function account() {
  const args = [accountOf(USER).address, installation.provider] as const
  const data = encodeFunctionData({ abi: inferenceServingAbi, functionName: 'getAccount', args })
  const output = await installation.chain.client.call({ to: AT.inferenceServing, data })
  return decodeFunctionResult({ abi: inferenceServingAbi, functionName: 'getAccount', data: output })
}

async function service() {
  const data = encodeFunctionData({ abi: inferenceServingAbi, functionName: 'getService', args: [installation.provider] })
  const output = await installation.chain.client.call({ to: AT.inferenceServing, data }).catch(() => undefined)
  return output && decodeFunctionResult({ abi: inferenceServingAbi, functionName: 'getService', data: output })
}
