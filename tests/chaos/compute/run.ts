// `pnpm chaos:compute --kills 20 --victims broker,router,worker`: kills parts of a devnet's compute network while customers chat through the
// router, and compares the books of the customers' keys, the router, the broker and the chain to the wei.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { addresses, inferenceServingAbi } from '@zerog/contracts'
import { Prng } from '@zerog/sim'
import { createPublicClient, type Hex, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { removeDevnet, startDevnet, type TestDevnet, temporaryFolder } from '../../e2e/devnet.ts'
import { startMockUpstream } from './mock-upstream.ts'
import { sessionToken } from './session-token.ts'

const VICTIMS = ['broker', 'router', 'worker'] as const
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    clients: { type: 'string', default: '6' },
    seed: { type: 'string' },
    victims: { type: 'string', default: VICTIMS.join(',') },
  },
})
const kills = Number(values.kills)
const clients = Number(values.clients)
const victims = values.victims.split(',')
if (!Number.isInteger(kills) || victims.some((victim) => !VICTIMS.some((known) => known === victim))) {
  process.stderr.write(`usage: pnpm chaos:compute [--kills <n>] [--clients <n>] [--victims ${VICTIMS.join(',')}]\n`)
  process.exit(2)
}
/** What a devnet's router knows its administrator by. */
const ADMIN = 'zerog-devnet-administrator'
/** The development account that pays providers for the router's customers. */
const ROUTER_ACCOUNT = 7
const seed = values.seed === undefined ? BigInt(randomBytes(4).readUInt32LE()) : BigInt(values.seed)
const random = Prng.fromSeed(seed)
const say = (line: string): void => void process.stdout.write(`${line}\n`)
say(`seed ${seed}`)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const upstream = await startMockUpstream()
process.env.ZEROG_COMPUTE_WORKER_MODELS = upstream.models
process.env.ZEROG_COMPUTE_BROKER_ACKNOWLEDGE_MS = '4000'

/** One virtual key with what its holder saw. `cost`: as the answer's header said; undefined on streams. */
type Customer = {
  readonly id: string
  readonly key: string
  readonly seen: { readonly answer: string; readonly cost: bigint | undefined; readonly whole: boolean }[]
  failed: number
}
type Spend = { readonly id: string; readonly state: string; readonly cost_wei: string }

const folder = await temporaryFolder()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void removeDevnet(folder).then(() => process.exit(130)))
try {
  const failures = await run(await startDevnet(folder, '--processes'))
  for (const failure of failures) say(`FAILED ${failure}`)
  process.exitCode = failures.length === 0 ? 0 : 1
} finally {
  upstream.close()
  await removeDevnet(folder)
}

async function run(devnet: TestDevnet): Promise<readonly string[]> {
  const { endpoints } = devnet
  const compute = endpoints.compute as NonNullable<typeof endpoints.compute> // not a chain-only devnet
  const url = compute.openaiUrl as string // as above
  const payer = privateKeyToAccount(endpoints.accounts[ROUTER_ACCOUNT]?.privateKey as Hex) // ten accounts
  const provider = compute.provider as Hex // endpoints.json holds addresses
  const at = addresses({ chainId: BigInt(endpoints.chainId) })
  const chain = createPublicClient({ transport: http(endpoints.rpcUrl), pollingInterval: 50 })
  const balance = async (): Promise<bigint> => {
    const args = [payer.address, provider] as const
    const request = { address: at.inferenceServing, abi: inferenceServingAbi, functionName: 'getAccount', args } as const
    return (await chain.readContract(request)).balance
  }
  const customers: Customer[] = []
  for (const name of ['first', 'second']) {
    const { id, key } = await json(`${url}/zerog/keys`, ADMIN, { name, budget_wei: String(10n ** 18n) })
    customers.push({ id, key, seen: [], failed: 0 })
  }
  await eventually('an answer', async () => (await answer(url, customers[0] as Customer, 0)).ok)
  const startBalance = await eventually('nothing unsettled', async () => (await unsettled()) === 0n && (await balance()))
  const startCost = (await totals(url)).acked
  const stopping = new AbortController()
  const running = Array.from({ length: clients }, (_, index) =>
    client(url, customers[index % customers.length] as Customer, index, stopping.signal),
  )
  const died: Record<string, number> = {}
  for (let killed = 0; killed < kills; killed++) {
    await eventually('a model', async () => (await json(`${url}/models`, customers[0]?.key ?? '')).data.length > 0)
    await pause(random.between(500, 3000))
    const victim = victims[killed % victims.length] as string // not empty
    await eventually(`a ${victim} that lives`, async () => kill(devnet, `compute-${victim}`))
    died[victim] = (died[victim] ?? 0) + 1
  }
  await pause(3000)
  stopping.abort()
  await Promise.all(running)
  // Receipts that nobody acknowledges are void after four seconds; what counts is settled two seconds later.
  await pause(7000)
  const booked = await eventually('the router to know what became of every answer', async () => {
    const now = await totals(url)
    return now.undecided === 0 && (await unsettled()) === 0n && now
  })
  const paid = startBalance - (await balance())
  const cost = booked.acked - startCost
  say(JSON.stringify({ died, routerWei: String(cost), paidOnChainWei: String(paid) }))
  const failures = cost === paid ? [] : [`the router booked ${cost} wei and ${paid} were paid on chain`]
  let spent = 0n
  for (const customer of customers) {
    const checked = await check(url, customer, receiptOf)
    failures.push(...checked.failures)
    spent += checked.spent
  }
  if (spent !== booked.acked) failures.push(`the keys spent ${spent} wei and the router booked ${booked.acked}`)
  return failures

  async function unsettled(): Promise<bigint> {
    const path = `/v1/user/${payer.address}/unsettledfee`
    return BigInt((await json(compute.brokerUrl + path, await sessionToken(payer, provider))).unsettledFee)
  }
  async function receiptOf(id: string): Promise<{ readonly state?: string; readonly fields?: { readonly fee: string } }> {
    return json(`${compute.brokerUrl}/v1/receipts/${id}`, await sessionToken(payer, provider))
  }
}

/** false where the process that is named there died before and its successor is not up yet. */
function kill({ dataDir }: TestDevnet, name: string): boolean {
  const { services } = JSON.parse(readFileSync(join(dataDir, 'endpoints.json'), 'utf8'))
  try {
    return process.kill(services[name].pid, 'SIGKILL')
  } catch {
    return false
  }
}

/** Asks again and again, plain and streamed in turn, and writes down every answer that it saw the beginning of. */
async function client(url: string, customer: Customer, number: number, signal: AbortSignal): Promise<void> {
  for (let round = number; !signal.aborted; round++) {
    const { ok } = await answer(url, customer, round)
    if (ok) continue
    customer.failed++
    await pause(100)
  }
}

async function answer(url: string, customer: Customer, round: number): Promise<{ readonly ok: boolean }> {
  let id: string | undefined
  let cost: bigint | undefined
  try {
    const content = Array.from({ length: 20 + (round % 80) }, (_, index) => `w${index}`).join(' ')
    // Six clients with consecutive rounds: each asks both ways.
    const body = JSON.stringify({ model: 'mock-upstream', stream: round % 2 === 0, messages: [{ role: 'user', content }] })
    const headers = { authorization: `Bearer ${customer.key}`, 'content-type': 'application/json' }
    const response = await fetch(`${url}/chat/completions`, { method: 'POST', headers, body })
    id = response.headers.get('x-zerog-receipt-id') ?? undefined
    const said = response.headers.get('x-zerog-cost-wei')
    cost = said === null ? undefined : BigInt(said)
    const text = await response.text()
    const whole = round % 2 === 1 || text.endsWith('data: [DONE]\n\n')
    if (id !== undefined) customer.seen.push({ answer: id, cost, whole })
    return { ok: response.status === 200 && whole }
  } catch {
    if (id !== undefined) customer.seen.push({ answer: id, cost, whole: false })
    return { ok: false }
  }
}

/** The holder's answers against the router's entries, those against the broker's receipts, and the key's sum against all of them. */
async function check(
  url: string,
  customer: Customer,
  receiptOf: (id: string) => Promise<{ readonly state?: string; readonly fields?: { readonly fee: string } }>,
): Promise<{ readonly failures: readonly string[]; readonly spent: bigint }> {
  const failures: string[] = []
  const counts: Record<string, number> = {}
  const costs = new Map<string, bigint>()
  let cost = 0n
  for (const { answer: id, cost: said, whole } of customer.seen) {
    const spend = (await json(`${url}/zerog/receipts/${id}`, customer.key)) as Partial<Spend>
    const { state = 'none' } = spend
    const name = `${whole ? 'whole' : 'cut'} ${state}`
    counts[name] = (counts[name] ?? 0) + 1
    if (state !== 'acked') continue
    const booked = BigInt(spend.cost_wei ?? '0')
    costs.set(id, booked)
    cost += booked
    if (said !== undefined && said !== booked) failures.push(`${id} was said to cost ${said} and is booked with ${booked}`)
    const receipt = await receiptOf(id)
    if (receipt.state !== 'settled' || BigInt(receipt.fields?.fee ?? '-1') !== booked) {
      failures.push(`${id} is booked with ${booked}, and the broker's receipt is ${receipt.state} with ${receipt.fields?.fee}`)
    }
  }
  const { spent_wei: spent } = await json(`${url}/zerog/balance`, customer.key)
  const unseen = BigInt(spent) - cost
  const { seen, failed } = customer
  say(JSON.stringify({ key: customer.id, answers: seen.length, failed, ...counts, spentWei: spent, unseenWei: String(unseen) }))
  // An answer whose head was lost with its connection is known to the router alone; it can only be on top.
  if (unseen < 0n) failures.push(`key ${customer.id} spent ${spent} wei and its holder was charged ${cost}`)
  if (seen.length === 0) failures.push(`key ${customer.id} got no answer at all`)
  return { failures, spent: BigInt(spent) }
}

async function totals(url: string): Promise<{ readonly acked: bigint; readonly undecided: number }> {
  const { data } = await json(`${url}/zerog/totals`, ADMIN)
  let acked = 0n
  let undecided = 0
  for (const { state, cost_wei: wei, count } of data) {
    if (state === 'acked') acked += BigInt(wei)
    else if (state !== 'void') undecided += count
  }
  return { acked, undecided }
}

/** JSON of a part that may be on its way up. */
async function json(url: string, bearer: string, body?: object): Promise<any> {
  const headers = { authorization: `Bearer ${bearer.replace('Bearer ', '')}`, 'content-type': 'application/json' }
  const init = body === undefined ? { headers } : { headers, method: 'POST', body: JSON.stringify(body) }
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await fetch(url, init)
      if (response.status < 500) return await response.json()
      throw new Error(`${url} answered ${response.status}`)
    } catch (error) {
      if (attempt > 150) throw error
      await pause(200)
    }
  }
}

async function eventually<T>(what: string, ask: () => Promise<T | false>): Promise<T> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const result = await ask()
    if (result !== false) return result
    await pause(250)
  }
  throw new Error(`not within 100 s: ${what}`)
}
