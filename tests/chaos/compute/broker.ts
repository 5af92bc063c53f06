// `pnpm chaos:broker --kills 20`: kills the compute broker of a devnet while users chat, and compares the users' books with the chain.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { addresses, inferenceServingAbi, ledgerManagerAbi } from '@zerog/contracts'
import { Prng } from '@zerog/sim'
import { createPublicClient, createWalletClient, type Hex, http, parseEther } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { removeDevnet, startDevnet, type TestDevnet, temporaryFolder } from '../../e2e/devnet.ts'
import { startMockUpstream } from './mock-upstream.ts'
import { sessionToken } from './session-token.ts'

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '20' }, clients: { type: 'string', default: '6' }, seed: { type: 'string' } },
})
const kills = Number(values.kills)
const clients = Number(values.clients)
const seed = values.seed === undefined ? BigInt(randomBytes(4).readUInt32LE()) : BigInt(values.seed)
const random = Prng.fromSeed(seed)
const say = (line: string): void => void process.stdout.write(`${line}\n`)
say(`seed ${seed}`)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const upstream = await startMockUpstream()
process.env.ZEROG_COMPUTE_WORKER_MODELS = upstream.models
process.env.ZEROG_COMPUTE_BROKER_ACKNOWLEDGE_MS = '4000'

type Seen = { readonly id: string; readonly complete: boolean }
type User = {
  readonly account: ReturnType<typeof privateKeyToAccount>
  readonly token: string
  readonly seen: Seen[]
  refused: number
}

const folder = await temporaryFolder()
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
  const provider = compute.provider as Hex // endpoints.json holds addresses
  const at = addresses({ chainId: BigInt(endpoints.chainId) })
  const chain = createPublicClient({ transport: http(endpoints.rpcUrl), pollingInterval: 50 })
  const users: User[] = []
  for (const index of [3, 4]) {
    const account = privateKeyToAccount(endpoints.accounts[index]?.privateKey as Hex) // as above
    const wallet = createWalletClient({ account, transport: http(endpoints.rpcUrl) })
    const write = async (functionName: 'depositFund' | 'transferFund', args: readonly unknown[], value: bigint) => {
      const request = { address: at.ledgerManager, abi: ledgerManagerAbi, functionName, args, value, chain: null } as never
      await chain.waitForTransactionReceipt({ hash: await wallet.writeContract(request) })
    }
    await write('depositFund', [], parseEther('20'))
    await write('transferFund', [provider, 'inference-v1.0', parseEther('10')], 0n)
    users.push({ account, token: `Bearer ${await sessionToken(account, provider)}`, seen: [], refused: 0 })
  }
  const stopping = new AbortController()
  const running = Array.from({ length: clients }, (_, index) =>
    client(users[index % users.length] as User, compute.brokerUrl, index, stopping.signal),
  )
  for (let killed = 0; killed < kills; killed++) {
    await ask(`${compute.brokerUrl}/v1/models`, {})
    await pause(random.between(500, 3000))
    const { services } = JSON.parse(readFileSync(join(devnet.dataDir, 'endpoints.json'), 'utf8'))
    process.kill(services['compute-broker'].pid, 'SIGKILL')
  }
  await ask(`${compute.brokerUrl}/v1/models`, {})
  await pause(3000)
  stopping.abort()
  await Promise.all(running)
  return check(users, compute.brokerUrl, async (user) => {
    const account = await chain.readContract({
      address: at.inferenceServing,
      abi: inferenceServingAbi,
      functionName: 'getAccount',
      args: [user, provider],
    })
    return parseEther('10') - account.balance
  })
}

/** Asks again and again, plain and streamed in turn, and writes down every answer that it saw the beginning of. */
async function client(user: User, url: string, number: number, signal: AbortSignal): Promise<void> {
  for (let round = number; !signal.aborted; round++) {
    let id: string | undefined
    try {
      const content = Array.from({ length: 20 + (round % 80) }, (_, index) => `w${index}`).join(' ')
      const body = JSON.stringify({ model: 'mock-upstream', stream: round % 2 === 0, messages: [{ role: 'user', content }] })
      const headers = { authorization: user.token, 'content-type': 'application/json' }
      const response = await fetch(`${url}/v1/proxy/chat/completions`, { method: 'POST', headers, body })
      id = response.headers.get('zg-res-key') ?? undefined
      await response.arrayBuffer()
      if (id === undefined) user.refused++
      else user.seen.push({ id, complete: true })
    } catch {
      if (id !== undefined) user.seen.push({ id, complete: false })
      await pause(100)
    }
  }
}

async function check(users: readonly User[], url: string, paidBy: (user: Hex) => Promise<bigint>): Promise<readonly string[]> {
  const failures: string[] = []
  for (const user of users) {
    const headers = { authorization: user.token }
    const get = (path: string) => ask(url + path, headers)
    const address = user.account.address
    for (let attempt = 0; (await get(`/v1/user/${address}/unsettledfee`)).unsettledFee !== '0'; attempt++) {
      if (attempt > 200) return [...failures, `fees of ${address} are never settled`]
      await pause(250)
    }
    const counts: Record<string, number> = {}
    let owed = 0n
    for (const { id, complete } of user.seen) {
      const { state = 'none', fields } = await get(`/v1/receipts/${id}`)
      const name = `${complete ? 'whole' : 'cut'} ${state}`
      counts[name] = (counts[name] ?? 0) + 1
      if (state === 'settled') owed += BigInt(fields.fee)
      else if (state !== 'void' && state !== 'none') failures.push(`${id} is ${state} after everything was settled`)
    }
    const paid = await paidBy(address)
    say(
      JSON.stringify({
        user: address,
        answers: user.seen.length,
        refused: user.refused,
        ...counts,
        owedWei: String(owed),
        paidWei: String(paid),
      }),
    )
    if (owed !== paid) failures.push(`${address} owes ${owed} wei by its receipts and paid ${paid}`)
    if (user.seen.length === 0) failures.push(`${address} got no answer at all`)
  }
  return failures
}

/** The broker may be on its way up for the last time. */
async function ask(url: string, headers: Record<string, string>): Promise<any> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await (await fetch(url, { headers })).json()
    } catch (error) {
      if (attempt > 150) throw error
      await pause(200)
    }
  }
}
