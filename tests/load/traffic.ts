import { randomBytes } from 'node:crypto'
import type { DevnetEndpoints } from '@zerog/cli'
import { createZerogClient, gatewayEndpoints } from '@zerog/sdk'
import { type Hex, keccak256 } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { type Lane, type LaneReport, startLane } from './lane.ts'

/** Requests per second of each kind; the figures of issue 6 times `scale`. */
export const RATES = { 'rpc read': 60, 'storage range': 15, 'da read': 10, transaction: 10, chat: 5 } as const

const FILE_BYTES = 2 * 1024 * 1024
const RANGE_BYTES = 64 * 1024
const BLOB_BYTES = 32 * 1024
const CHAT_TOKENS = 16
const GWEI = 1_000_000_000n
/** Fee of a transfer far above what any block asks. */
const FEE = 100n * GWEI
/** Accounts that send by turns; the last ones belong to disperser, router and broker. */
const SENDERS = 5
/** Receipts asked for at once. */
const BATCH_MAX = 50

export type Traffic = {
  readonly stop: () => Promise<readonly LaneReport[]>
  /** Hashes of the transactions that were acknowledged. */
  readonly acknowledged: () => readonly Hex[]
  /** Throws unless everything acknowledged is there: transactions mined, the file and the blob unchanged. */
  readonly requireKept: (timeoutMs: number) => Promise<void>
}

/** Stores what is read later, then starts all lanes against the gateway. */
export async function startTraffic(endpoints: DevnetEndpoints, options: { readonly scale: number }): Promise<Traffic> {
  const { gatewayUrl } = endpoints
  const key = endpoints.accounts[0]?.privateKey as Hex // a devnet always has funded accounts
  const client = createZerogClient({ endpoints: gatewayEndpoints(gatewayUrl), account: privateKeyToAccount(key) })
  const file = new Uint8Array(randomBytes(FILE_BYTES))
  const blob = new Uint8Array(randomBytes(BLOB_BYTES))
  const { root } = await client.storage.upload(file)
  const { id } = await client.da.disperse(blob, { wait: 'finalized' })
  const model = await firstModel(endpoints)
  const transactions = await openSenders(endpoints)

  const lanes: Lane[] = []
  const lane = (name: keyof typeof RATES, request: (index: number, signal: AbortSignal) => Promise<unknown>) =>
    lanes.push(startLane({ name, perSecond: RATES[name] * options.scale, request }))
  lane('rpc read', (index, signal) => rpcRead(gatewayUrl, index, endpoints, signal))
  lane('storage range', (index, signal) => range(endpoints, { root, file, index }, signal))
  lane('da read', async (_index, signal) => same(await bytesOf(`${gatewayUrl}/da/v1/blobs/${id}/data`, { signal }), blob, 'blob'))
  lane('transaction', transactions.send)
  lane('chat', (index, signal) => chat(endpoints, { model, index }, signal))
  return {
    stop: () => Promise.all(lanes.map((running) => running.stop())),
    acknowledged: transactions.acknowledged,
    async requireKept(timeoutMs) {
      await transactions.requireMined(timeoutMs)
      const signal = AbortSignal.timeout(timeoutMs)
      same(await bytesOf(`${endpoints.storage?.indexerUrl}/file?root=${root}`, { signal }), file, 'file')
      same(await bytesOf(`${gatewayUrl}/da/v1/blobs/${id}/data`, { signal }), blob, 'blob')
    },
  }
}

async function rpcRead(url: string, index: number, { accounts }: DevnetEndpoints, signal: AbortSignal): Promise<void> {
  const address = accounts[index % accounts.length]?.address
  const [method, params] = [
    ['eth_blockNumber', []],
    ['eth_getBalance', [address, 'latest']],
    ['eth_getBlockByNumber', ['latest', false]],
  ][index % 3] as [string, unknown[]] // the index is in range
  await rpc(url, { method, params }, signal)
}

async function range(
  { storage }: DevnetEndpoints,
  { root, file, index }: { readonly root: string; readonly file: Uint8Array; readonly index: number },
  signal: AbortSignal,
): Promise<void> {
  const offset = (index * RANGE_BYTES) % FILE_BYTES
  const last = offset + RANGE_BYTES - 1
  const bytes = await bytesOf(`${storage?.indexerUrl}/file?root=${root}`, {
    signal,
    headers: { range: `bytes=${offset}-${last}` },
  })
  same(bytes, file.subarray(offset, last + 1), 'range')
}

async function chat(
  { compute }: DevnetEndpoints,
  { model, index }: { readonly model: string; readonly index: number },
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(`${compute?.openaiUrl}/chat/completions`, {
    method: 'POST',
    signal,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${compute?.openaiKey}` },
    body: JSON.stringify({
      model,
      max_tokens: CHAT_TOKENS,
      temperature: 0,
      messages: [{ role: 'user', content: `How do I run the tests? ${index}` }],
    }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`chat: ${response.status} ${text.slice(0, 200)}`)
  const answer = JSON.parse(text)
  if (!(answer.usage?.completion_tokens > 0)) throw new Error(`chat without tokens: ${text.slice(0, 200)}`)
}

async function firstModel({ compute }: DevnetEndpoints): Promise<string> {
  const response = await fetch(`${compute?.openaiUrl}/models`, { headers: { authorization: `Bearer ${compute?.openaiKey}` } })
  const { data } = (await response.json()) as { readonly data?: readonly { readonly id: string }[] }
  const model = data?.[0]?.id
  if (model === undefined) throw new Error('no provider offers a model yet')
  return model
}

/** Transfers between development accounts, each signed once and sent until it is acknowledged. */
async function openSenders({ gatewayUrl, accounts, chainId }: DevnetEndpoints) {
  const signers = accounts.slice(1, 1 + SENDERS).map(({ privateKey }) => privateKeyToAccount(privateKey as Hex))
  const nonces = await Promise.all(
    signers.map(async ({ address }) =>
      Number(
        await rpc(gatewayUrl, { method: 'eth_getTransactionCount', params: [address, 'pending'] }, AbortSignal.timeout(10_000)),
      ),
    ),
  )
  const signed = new Map<number, Hex>()
  const acknowledged: Hex[] = []

  async function transactionOf(index: number): Promise<Hex> {
    const present = signed.get(index)
    if (present !== undefined) return present
    const turn = index % signers.length
    const signer = signers[turn] as (typeof signers)[number] // in range
    const nonce = (nonces[turn] ?? 0) + Math.floor(index / signers.length)
    const raw = await signer.signTransaction({
      chainId,
      nonce,
      gas: 21_000n,
      maxFeePerGas: FEE,
      maxPriorityFeePerGas: GWEI,
      to: signer.address,
      value: 1n,
    })
    signed.set(index, raw)
    return raw
  }

  /** What was given up is sent on until it is taken, or its missing nonce would hold back all that came after. */
  async function sendRest(): Promise<void> {
    for (const raw of signed.values())
      await rpc(gatewayUrl, { method: 'eth_sendRawTransaction', params: [raw] }, AbortSignal.timeout(10_000)).catch(() => {})
  }

  return {
    acknowledged: () => acknowledged,
    async send(index: number, signal: AbortSignal): Promise<void> {
      const raw = await transactionOf(index)
      try {
        await rpc(gatewayUrl, { method: 'eth_sendRawTransaction', params: [raw] }, signal)
      } catch (error) {
        // The attempt before was accepted though its answer was lost.
        if (!/already known|nonce too low/i.test(String(error))) throw error
      }
      acknowledged.push(keccak256(raw))
      signed.delete(index)
    },
    async requireMined(timeoutMs: number): Promise<void> {
      const endsMs = performance.now() + timeoutMs
      await sendRest()
      let missing = [...acknowledged]
      for (;;) {
        missing = await unmined(gatewayUrl, missing)
        const [first] = missing
        if (first === undefined) return
        if (performance.now() > endsMs)
          throw new Error(
            `${missing.length} of ${acknowledged.length} acknowledged transactions are not mined, the first is ${first}`,
          )
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
    },
  }
}

/** Those without a receipt; all where the gateway does not answer. */
async function unmined(url: string, hashes: readonly Hex[]): Promise<Hex[]> {
  const left: Hex[] = []
  for (let at = 0; at < hashes.length; at += BATCH_MAX) {
    const part = hashes.slice(at, at + BATCH_MAX)
    const body = JSON.stringify(
      part.map((hash, id) => ({ jsonrpc: '2.0', id, method: 'eth_getTransactionReceipt', params: [hash] })),
    )
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: AbortSignal.timeout(30_000) }
    const answers: any = await fetch(url, init).then(
      (response) => response.json(),
      () => [],
    )
    const mined = new Set(answers.filter?.(({ result }: any) => result != null).map(({ id }: any) => id))
    left.push(...part.filter((_, id) => !mined.has(id)))
  }
  return left
}

async function rpc(
  url: string,
  call: { readonly method: string; readonly params: readonly unknown[] },
  signal: AbortSignal,
): Promise<unknown> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, ...call })
  const response = await fetch(url, { method: 'POST', signal, headers: { 'content-type': 'application/json' }, body })
  const text = await response.text()
  if (!response.ok) throw new Error(`${call.method}: ${response.status} ${text.slice(0, 200)}`)
  const answer = JSON.parse(text)
  if (answer.error !== undefined) throw new Error(`${call.method}: ${answer.error.message}`)
  return answer.result
}

async function bytesOf(url: string, init: RequestInit): Promise<Uint8Array> {
  const response = await fetch(url, init)
  const bytes = new Uint8Array(await response.arrayBuffer())
  if (response.ok && !response.headers.get('content-type')?.includes('json')) return bytes
  throw new Error(`${new URL(url).pathname}: ${response.status} ${Buffer.from(bytes).toString('utf8', 0, 200)}`)
}

function same(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (Buffer.compare(actual, expected) !== 0)
    throw new Error(`${what}: ${actual.length} bytes that are not those that were stored`)
}
