// Kills disperser, encoder and members by SIGKILL while blobs are dispersed, and then asks for everything that was accepted: each blob is
// final, comes back byte by byte, and the chain recorded each bundle once. Run: node tests/chaos/da-kill/run.ts [--rounds 3] [--seed 1]
//   [--minutes 60] (then no further round begins)
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { daClient, type Endpoints } from './client.ts'

const MAIN = join(import.meta.dirname, '../../../packages/cli/src/main.ts')
const VICTIMS = ['da-disperser', 'da-disperser', 'da-disperser', 'da-encoder', 'da-node', 'da-node-1', 'da-node-2', 'da-node-3']
const CLIENTS = 3
const SETTLE_MS = 120_000
const READERS = 4
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '60' },
  },
})
const endsMs = performance.now() + Number(values.minutes) * 60_000

const folder = mkdtempSync(join(tmpdir(), 'zerog-da-kill-'))
const dataDir = join(folder, 'devnet')
const devnet = spawn(process.execPath, [MAIN, 'up', '--processes', '--port', '0', '--data-dir', dataDir, '--quiet'], {
  stdio: ['ignore', 'ignore', 'inherit'],
})
const exited = new Promise<void>((resolve) => devnet.once('exit', () => resolve()))
// Cut off, it leaves no devnet behind.
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    devnet.kill('SIGINT')
    void exited.then(() => process.exit(1))
  })
}
const random = randomOf(Number(values.seed))
const accepted = new Map<string, Buffer>()

try {
  const client = daClient(await endpoints())
  const rounds = Number(values.rounds)
  let kills = 0
  let round = 0
  for (; round < rounds && performance.now() < endsMs; round++) {
    let stopped = false
    const dispersing = Promise.all(
      Array.from({ length: CLIENTS }, (_, who) => disperseUntil(() => stopped, `${round}-${who}`, client)),
    )
    for (let kill = 0; kill < 3; kill++) {
      await sleep(200 + random() * 1500)
      const victim = VICTIMS[Math.floor(random() * VICTIMS.length)] as string // an index within
      const { pid } = (await endpoints()).services[victim] ?? { pid: 0 }
      if (pid > 0 && tryKill(pid)) kills++
      // The next kill meets traffic again, also where this one stopped it.
      const before = accepted.size
      const patientMs = performance.now() + 60_000
      while (accepted.size < before + 5 && performance.now() < patientMs) await sleep(50)
      console.log(`round ${round + 1}: SIGKILL ${victim} (${pid}), ${accepted.size} blobs accepted after it`)
    }
    await sleep(1500)
    stopped = true
    await dispersing
  }
  const problems = await judge(client)
  client.close()
  console.log(
    `${round} of ${rounds} rounds, ${kills} kills, seed ${values.seed}: ${accepted.size} blobs accepted, ${problems.length} problems`,
  )
  for (const problem of problems) console.log(problem)
  process.exitCode = problems.length === 0 && accepted.size > 0 ? 0 : 1
} finally {
  devnet.kill('SIGINT')
  await exited
  rmSync(folder, { recursive: true, force: true })
}

type Da = ReturnType<typeof daClient>

/** The same blob under the same key until somebody accepted it: what an honest client does. */
async function disperseUntil(isOver: () => boolean, name: string, client: Da): Promise<void> {
  for (let count = 0; !isOver(); count++) {
    const key = `${name}-${count}`
    const data = bytesOf(key, 1000 + Math.floor(random() * 200_000))
    while (!isOver()) {
      const blob = await client.disperse(data, key).catch(() => undefined)
      if (blob !== undefined) {
        accepted.set(blob.id, data)
        break
      }
      await sleep(100)
    }
  }
}

async function judge(client: Da): Promise<string[]> {
  const problems: string[] = []
  const named = new Map<string, string>()
  const untilMs = performance.now() + SETTLE_MS
  const left = [...accepted]
  const judgeNext = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await judgeOne(...next)
  }
  const judgeOne = async (id: string, data: Buffer): Promise<void> => {
    let problem = 'not final in time'
    // Thousands of reads take longer than what has to settle: each blob is asked for, however late.
    for (let attempt = 0; (attempt === 0 || performance.now() < untilMs) && problem !== ''; attempt++) {
      const blob = await client.blob(id).catch(() => undefined)
      if (blob !== undefined && client.isFailed(blob)) problem = `given up: ${blob.failureReason}`
      const header = blob !== undefined && client.isFinal(blob) ? blob.parts[0]?.header : undefined
      const back =
        header === undefined
          ? undefined
          : await client.retrieve(header).catch((error: unknown) => {
              problem = String(error)
              return undefined
            })
      if (header === undefined || back === undefined) {
        await sleep(100)
        continue
      }
      problem = back.equals(data) ? '' : 'other bytes came back'
      const name = `${header.commitment.toString('hex')}/${header.epoch}/${header.quorumId}`
      if (named.has(name)) problems.push(`${id} and ${named.get(name)} have one name`)
      named.set(name, id)
    }
    if (problem !== '') problems.push(`${id}: ${problem}`)
  }
  await Promise.all(Array.from({ length: READERS }, judgeNext))
  const recorded = await recordedBundles()
  const wanted = new Set([...named.keys()].map((name) => name.split('/')[0]))
  for (const commitment of wanted)
    if (!recorded.has(commitment as string)) problems.push(`bundle ${commitment} is not on the chain`)
  for (const [commitment, times] of recorded) if (times !== 1) problems.push(`bundle ${commitment} was recorded ${times} times`)
  return problems
}

/** How often the entrance recorded each commitment: `ErasureCommitmentVerified(bytes32,uint256,uint256)` has three words and no topic. */
async function recordedBundles(): Promise<Map<string, number>> {
  const { rpcUrl, da } = await endpoints()
  const params = [{ address: da.entrance, fromBlock: '0x0', toBlock: 'latest' }]
  const response = await fetch(rpcUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_getLogs', params }),
  })
  const { result } = (await response.json()) as { result: { data: string; topics: string[] }[] }
  const times = new Map<string, number>()
  for (const { data, topics } of result) {
    if (topics.length !== 1 || data.length !== 2 + 3 * 64) continue
    const commitment = data.slice(2, 66)
    times.set(commitment, (times.get(commitment) ?? 0) + 1)
  }
  return times
}

async function endpoints(): Promise<Endpoints> {
  const path = join(dataDir, 'endpoints.json')
  const untilMs = performance.now() + 180_000
  for (;;) {
    if (devnet.exitCode !== null || performance.now() > untilMs) throw new Error('the devnet does not run')
    if (existsSync(path)) {
      try {
        return JSON.parse(readFileSync(path, 'utf8')) as Endpoints
      } catch {
        // It is being written anew.
      }
    }
    await sleep(100)
  }
}

function tryKill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch {
    return false
  }
}

function bytesOf(key: string, length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, index) =>
    createHash('sha256').update(`${key} ${index}`).digest(),
  )
  return Buffer.concat(blocks).subarray(0, length)
}

/** mulberry32 */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
