import { Agent, request } from 'node:http'
import type { Hex } from '@zerog/primitives'
import type { Workload } from './workloads.ts'

const BATCH = 100
const IN_FLIGHT = 4
const POLL_MS = 50
const agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT + 1 })

/** Contracts and approvals, one batch after the other, until everything is included. */
export async function setUp(url: string, { setup }: Workload): Promise<void> {
  if (setup.length === 0) return
  const hashes: Hex[] = []
  for (const raw of setup) hashes.push(await rpc(url, 'eth_sendRawTransaction', [raw]))
  for (const hash of hashes) {
    const receipt = await until(() => rpc<{ status: Hex } | null>(url, 'eth_getTransactionReceipt', [hash]))
    if (receipt.status !== '0x1') throw new Error(`the setup transaction ${hash} failed`)
  }
}

/** From the first send until the last nonces are visible in `latest`, s. */
export async function drive(url: string, { transactions, expected, proof }: Workload): Promise<number> {
  const startedMs = performance.now()
  await sendAll(url, transactions)
  // One account is asked while blocks are made, so that watching costs the server nothing; then all of them once.
  for (const [address, nonce] of [...expected].reverse()) {
    await until(async () => (Number(await rpc<Hex>(url, 'eth_getTransactionCount', [address, 'latest'])) === nonce ? true : null))
  }
  const seconds = (performance.now() - startedMs) / 1000
  const result = await rpc<Hex>(url, proof.method, proof.params)
  if (!proof.accepts(result)) throw new Error(`the chain did not do the work: ${proof.method} answers ${result}`)
  return seconds
}

/** Sends in batches, some of them in flight; throws if one is refused. */
export async function sendAll(url: string, transactions: readonly Hex[]): Promise<void> {
  let next = 0
  const sender = async (): Promise<void> => {
    while (next < transactions.length) {
      const first = next
      next += BATCH
      const body = transactions
        .slice(first, first + BATCH)
        .map((raw, index) => call(first + index, 'eth_sendRawTransaction', [raw]))
      const answers = JSON.parse(await post(url, `[${body.join(',')}]`)) as { error?: { message: string } }[]
      const refused = answers.find(({ error }) => error !== undefined)
      if (refused !== undefined) throw new Error(`a transaction was refused: ${refused.error?.message}`)
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, sender))
}

export async function rpc<Result>(url: string, method: string, params: readonly unknown[]): Promise<Result> {
  const answer = JSON.parse(await post(url, call(1, method, params))) as { result: Result; error?: { message: string } }
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`)
  return answer.result
}

function call(id: number, method: string, params: readonly unknown[]): string {
  return JSON.stringify({ jsonrpc: '2.0', id, method, params })
}

function post(url: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const sent = request(url, { method: 'POST', agent, headers }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('end', () => resolve(Buffer.concat(parts).toString()))
      answer.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const WAIT_MS_MAX = 120_000

async function until<Value>(ask: () => Promise<Value | null>): Promise<Value> {
  const untilMs = performance.now() + WAIT_MS_MAX
  for (;;) {
    // A connection that the server closed while it was idle is no answer; asking again harms nothing.
    const value = await ask().catch((error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? null : Promise.reject(error),
    )
    if (value !== null) return value
    if (performance.now() > untilMs) throw new Error('the chain does not include what it took')
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
