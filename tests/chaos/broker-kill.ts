// `pnpm chaos:broker --kills 20`: kills the compute broker of a devnet while users chat, and compares the users' books with the chain.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { addresses, inferenceServingAbi, ledgerManagerAbi } from '@zerog/contracts'
import { createPublicClient, createWalletClient, type Hex, http, keccak256, parseEther, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { removeDevnet, startDevnet, type TestDevnet, temporaryFolder } from '../e2e/devnet.ts'

const { values } = parseArgs({ options: { kills: { type: 'string', default: '20' }, clients: { type: 'string', default: '6' } } })
const kills = Number(values.kills)
const clients = Number(values.clients)
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** An upstream that calls itself a mock and repeats what it was asked, a word at a time. */
const upstream = createServer((request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part) => parts.push(part))
  request.on('end', async () => {
    const prompt: string = JSON.parse(Buffer.concat(parts).toString()).messages.at(-1).content
    const words = ['mock', 'upstream', 'says:', ...prompt.split(' ')]
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const send = (value: unknown) => response.write(`data: ${JSON.stringify(value)}\n\n`)
    for (const word of words) {
      if (response.destroyed) return
      send({ choices: [{ index: 0, delta: { content: `${word} ` }, finish_reason: null }] })
      await pause(4)
    }
    send({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
    send({ choices: [], usage: { prompt_tokens: words.length - 3, completion_tokens: words.length } })
    response.end('data: [DONE]\n\n')
  })
})
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
const { port } = upstream.address() as { port: number } // it listens on TCP
process.env.ZEROG_COMPUTE_WORKER_MODELS = JSON.stringify([
  { engine: 'upstream', id: 'mock-upstream', url: `http://127.0.0.1:${port}/v1`, contextTokens: 100_000 },
])
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
  upstream.closeAllConnections()
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
    users.push({ account, token: await tokenOf(account, provider), seen: [], refused: 0 })
  }
  const stopping = new AbortController()
  const running = Array.from({ length: clients }, (_, index) =>
    client(users[index % users.length] as User, compute.brokerUrl, index, stopping.signal),
  )
  for (let killed = 0; killed < kills; killed++) {
    await ask(`${compute.brokerUrl}/v1/models`, {})
    await pause(500 + Math.random() * 2500)
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

async function tokenOf(account: User['account'], provider: Hex): Promise<string> {
  const message = JSON.stringify({
    address: account.address,
    provider,
    timestamp: Date.now(),
    expiresAt: Date.now() + 3_600_000,
    nonce: '1',
    generation: 0,
    tokenId: 255,
  })
  const signature = await account.signMessage({ message: { raw: keccak256(toHex(message)) } })
  return `Bearer app-sk-${Buffer.from(`${message}|${signature}`).toString('base64')}`
}
