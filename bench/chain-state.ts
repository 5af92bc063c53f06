// The state apart from the door: root of 1,000 updates on 100,000 accounts beside @ethereumjs/mpt, replay of stored blocks against making them, memory with
// 100,000 accounts and 5,000 waiting transactions, and what history costs. Each part runs in a process of its own.
// Run: node bench/chain-state.ts [root|replay|memory|history]... [--accounts 100000] [--transfers 20000]
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createMPT } from '@ethereumjs/mpt'
import { lmdbKv } from '@zerog/adapters'
import { createChainBackend } from '@zerog/chain/testing'
import {
  createExecutor,
  createNodeStore,
  createSenderRecovery,
  EMPTY_ROOT,
  FIXED_FIELDS,
  keccak256,
  rlpEncode,
  rlpInteger,
  type StateAdditions,
  type TrieUpdate,
  trieUpdate,
} from '@zerog/evm'
import type { Kv } from '@zerog/ports'
import { bigintToBytes, fromHex, type Hex, toHex } from '@zerog/primitives'
import { rpc, sendAll } from './chain/drive.ts'
import { type Contender, contenders, residentMib } from './chain/servers.ts'
import { accounts as benchAccounts, createWorkload } from './chain/workloads.ts'

const UPDATES = 1_000
const ROUNDS = 20
const WAITING = 5_000
const EMPTY_HASHES = [fromHex(FIXED_FIELDS.withdrawalsRoot), keccak256(new Uint8Array(0))] as const
const BATCH = 100
const IN_FLIGHT = 4
const ENVIRONMENT = {
  height: 0n,
  timestampSeconds: 1_700_000_000n,
  gasLimit: 60_000_000n,
  baseFeePerGas: 10n ** 9n,
  beneficiary: addressOf(0),
}

const PARTS = { root, replay, memory, history } as const
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    accounts: { type: 'string', default: '100000' },
    transfers: { type: 'string', default: '20000' },
    inside: { type: 'boolean', default: false },
  },
})
const accountCount = Number(values.accounts)
const transferCount = Number(values.transfers)
const chosen = (positionals.length === 0 ? Object.keys(PARTS) : positionals) as (keyof typeof PARTS)[]
if (values.inside) await PARTS[chosen[0] as keyof typeof PARTS]()
else {
  console.log(`${cpus().length} x ${cpus()[0]?.model}, node ${process.versions.node}, load ${loadavg()[0]?.toFixed(1)}`)
  for (const part of chosen) {
    const flags = ['--inside', '--accounts', values.accounts, '--transfers', values.transfers]
    execFileSync(process.execPath, [import.meta.filename, part, ...flags], { stdio: 'inherit' })
  }
}

function addressOf(index: number): Hex {
  return toHex(keccak256(bigintToBytes(BigInt(index), 8)).subarray(12))
}

function accountRlp(balance: bigint): Uint8Array {
  return rlpEncode([new Uint8Array(0), rlpInteger(balance), ...EMPTY_HASHES])
}

/** Whose balances change in a round. */
function roundIndexes(round: number): number[] {
  return Array.from({ length: UPDATES }, (_, index) => (index * 97 + round * 7919) % accountCount)
}

/** The same 1,000 of 100,000 accounts get another balance, in rounds. First the tries alone, then everything that a block's state needs. */
async function root(): Promise<void> {
  await trieAlone()
  await wholeState()
}

/**
 * Hashed keys and encoded values go in, a root comes out, all nodes in memory on both sides; both hash with the same kernel. The peer takes one update at a
 * time, under a checkpoint, which is its fastest way.
 */
async function trieAlone(): Promise<void> {
  const keys = Array.from({ length: accountCount }, (_, index) => keccak256(fromHex(addressOf(index))))
  const first = accountRlp(1n)
  const kv = mapKv()
  const store = createNodeStore(kv)
  let stateRoot: Uint8Array = EMPTY_ROOT
  const update = (updates: readonly TrieUpdate[]): StateAdditions => {
    const additions: StateAdditions = { root: stateRoot, nodes: [], staleAccounts: [], staleSlots: [], codes: new Map() }
    stateRoot = trieUpdate(stateRoot, updates, store.node, store.sinkOf(null, additions))
    return additions
  }
  kv.write(store.writes(update(keys.map((key) => ({ key, value: first }))), 0n))
  const peer = await createMPT({ useKeyHashingFunction: keccak256, cacheSize: 400_000 })
  await peer.checkpoint()
  for (const key of keys) await peer.put(key, first)
  await peer.commit()
  const own: number[] = []
  const theirs: number[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    const value = accountRlp(BigInt(round + 1))
    const updates = roundIndexes(round).map((index) => ({ key: keys[index] as Uint8Array, value }))
    let before = process.cpuUsage()
    const additions = update(updates)
    own.push(cpuUs(before) / UPDATES)
    kv.write(store.writes(additions, BigInt(round)))
    before = process.cpuUsage()
    await peer.checkpoint()
    for (const each of updates) await peer.put(each.key, each.value)
    await peer.commit()
    theirs.push(cpuUs(before) / UPDATES)
    if (toHex(peer.root()) !== toHex(stateRoot)) throw new Error('the two do not agree about a root')
  }
  report('trie alone, hashed keys and encoded values, nodes in memory', own, theirs)
}

/** From addresses and balances to stored records: accounts read and decoded, keys hashed, encoded, hashed, written. The peer's nodes stay in memory. */
async function wholeState(): Promise<void> {
  const zero: Hex = `0x${'00'.repeat(32)}`
  const environment = { ...ENVIRONMENT, parentHash: zero, prevRandao: zero, extraData: zero }
  const allocation = Object.fromEntries(Array.from({ length: accountCount }, (_, index) => [addressOf(index), { balance: 1n }]))
  const peer = await createMPT({ useKeyHashing: true, useKeyHashingFunction: keccak256, cacheSize: 400_000 })
  await peer.checkpoint()
  for (let index = 0; index < accountCount; index++) await peer.put(fromHex(addressOf(index)), accountRlp(1n))
  await peer.commit()
  const theirs: number[] = []
  const roots: Hex[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    const before = process.cpuUsage()
    await peer.checkpoint()
    for (const index of roundIndexes(round)) await peer.put(fromHex(addressOf(index)), accountRlp(BigInt(round + 1)))
    await peer.commit()
    theirs.push(cpuUs(before) / UPDATES)
    roots.push(toHex(peer.root()))
  }
  const ours = async (kv: Kv, name: string): Promise<void> => {
    const executor = createExecutor({ kv, chainId: 31337n })
    const genesis = await executor.genesis({ allocation, environment })
    executor.commit(genesis)
    await kv.flush()
    let { stateRoot } = genesis.header
    const own: number[] = []
    for (let round = 1; round <= ROUNDS; round++) {
      const changes = roundIndexes(round).map((index) => [addressOf(index), { balance: BigInt(round + 1) }] as const)
      const before = process.cpuUsage()
      stateRoot = await executor.editState({ stateRoot, height: BigInt(round) }, Object.fromEntries(changes))
      await kv.flush()
      own.push(cpuUs(before) / UPDATES)
      if (stateRoot !== roots[round - 1]) throw new Error('the two do not agree about a root')
    }
    report(`whole commit of the state, ${name}`, own, theirs)
  }
  await ours(mapKv(), 'records in a Map')
  await withStore((kv) => ours(kv, 'records on lmdb, flushed; the peer in memory'))
}

function report(what: string, own: readonly number[], theirs: readonly number[]): void {
  const [ours, peer] = [median(own), median(theirs)]
  console.log(
    `${what}: ${UPDATES} updates on ${accountCount} accounts, ${ours.toFixed(1)} µs of CPU per update, @ethereumjs/mpt ${peer.toFixed(1)}: ${(peer / ours).toFixed(1)} x`,
  )
}

/** Blocks made from signed bytes on lmdb, then executed again from the store. CPU of this process with its threads. */
async function replay(): Promise<void> {
  await withStore(async (kv, path) => {
    const { rebuildChain } = await import('@zerog/chain')
    const raws = transfers(transferCount)
    const settings = { chainOnly: true, gasLimit: 2_000_000_000, fundedAccounts: benchAccounts().map(({ address }) => address) }
    const recovery = createSenderRecovery()
    const chain = await createChainBackend({ kv, settings, recovery })
    let before = process.cpuUsage()
    const live = await send(chain.backend, raws)
    const liveUs = cpuUs(before) / raws.length
    await chain.stop()
    await recovery.close()
    const { chainRpcModule } = await import('@zerog/chain')
    const startedMs = performance.now()
    before = process.cpuUsage()
    await rebuildChain({ kv, chainId: 31337n, config: chainRpcModule.config.parse(settings) })
    const again = raws.length / ((performance.now() - startedMs) / 1000)
    const againUs = cpuUs(before) / raws.length
    const mib = statSync(join(path, 'data.mdb')).size / 2 ** 20
    console.log(
      `replay of ${raws.length} stored transfers: ${again.toFixed(0)}/s and ${(1e6 / againUs).toFixed(0)} per CPU-second; live ${live.toFixed(0)}/s and ` +
        `${(1e6 / liveUs).toFixed(0)}: ${(again / live).toFixed(2)} x and ${(liveUs / againUs).toFixed(2)} x per CPU-second (${mib.toFixed(0)} MiB on disk)`,
    )
  })
}

/** Resident memory of the server that users start, with 100,000 accounts that it made, and 5,000 transactions that it may not seal yet. */
async function memory(): Promise<void> {
  const { transactions } = createWorkload('transfer', accountCount + WAITING, benchAccounts(), addressOf)
  const server = await (contenders(undefined).zerog as Contender).start()
  const shown = (what: string): void => {
    const [all, own, files] = (['VmRSS', 'RssAnon', 'RssFile'] as const).map((kind) => residentMib(server.pid, kind))
    console.log(
      `${what}: ${own} MiB of its own (RssAnon), ${files} MiB of files (RssFile: the mapped store, code), ${all} MiB in all`,
    )
  }
  try {
    shown('resident at the start')
    for (let first = 0; first < accountCount; first += 25_000) {
      await sendAll(server.url, transactions.slice(first, Math.min(first + 25_000, accountCount)))
      shown(`after ${Math.min(first + 25_000, accountCount)} transfers to as many accounts`)
    }
    await rpc(server.url, 'evm_setAutomine', [false])
    await sendAll(server.url, transactions.slice(accountCount))
    const { pending } = await rpc<{ pending: Hex }>(server.url, 'txpool_status', [])
    shown(`with ${Number(pending)} waiting transactions`)
  } finally {
    await server.stop()
  }
}

/** The same transfers in an archive and with a window of 64 blocks: records of the trie, and CPU per transfer. */
async function history(): Promise<void> {
  for (const kept of ['archive', 64] as const) {
    await withStore(async (kv) => {
      const raws = transfers(transferCount)
      const settings = { chainOnly: true, gasLimit: 2_000_000_000, fundedAccounts: benchAccounts().map(({ address }) => address) }
      const chain = await createChainBackend({ kv, settings, history: kept })
      const before = process.cpuUsage()
      // Small blocks, so that many leave the window.
      await send(chain.backend, raws, 10, 1)
      const perTransfer = cpuUs(before) / raws.length
      const { height } = chain.backend.head().header
      await chain.stop()
      let nodes = 0
      for (const _node of kv.range('trie')) nodes += 1
      console.log(
        `history ${kept}: ${nodes} trie nodes after ${height} blocks of transfers, ${perTransfer.toFixed(0)} µs of CPU per transfer`,
      )
    })
  }
}

type Backend = Awaited<ReturnType<typeof createChainBackend>>['backend']

function transfers(count: number, to?: (index: number) => Hex): Uint8Array[] {
  const { transactions } = createWorkload('transfer', count, benchAccounts(), to)
  return transactions.map((raw) => fromHex(raw))
}

/** Sends as the bench of the door does; transactions per second until the last is in a block. */
async function send(backend: Backend, raws: readonly Uint8Array[], batch = BATCH, inFlight = IN_FLIGHT): Promise<number> {
  let included = 0
  let next = 0
  const shown: (() => void)[] = []
  const { promise: all, resolve } = Promise.withResolvers<void>()
  const stop = backend.onBlock(({ transactions }) => {
    included += transactions.length
    for (const wake of shown.splice(0)) wake()
    if (included === raws.length) resolve()
  })
  const startedMs = performance.now()
  const sender = async (): Promise<void> => {
    while (next < raws.length) {
      const first = next
      next += batch
      const before = included
      const outcomes = await backend.submitAll(raws.slice(first, first + batch))
      const refused = outcomes.find((outcome) => 'error' in outcome)
      if (refused !== undefined) throw new Error('a transfer was refused', { cause: refused })
      // As the door answers: with the block.
      if (included === before) await new Promise<void>((wake) => void shown.push(wake))
    }
  }
  await Promise.all(Array.from({ length: inFlight }, sender))
  await all
  stop()
  return raws.length / ((performance.now() - startedMs) / 1000)
}

/** A Map, as the peer writes to: what a store costs is not the trie's affair. */
function mapKv(): Kv {
  const records = new Map<string, Uint8Array>()
  const name = (table: string, key: Uint8Array): string => table + Buffer.from(key).toString('latin1')
  return {
    get: (table, key) => records.get(name(table, key)),
    range: () => [],
    write: (writes) => {
      for (const { table, key, value } of writes) {
        if (value === null) records.delete(name(table, key))
        else records.set(name(table, key), value)
      }
    },
    flush: async () => {},
    close: async () => {},
  }
}

async function withStore(work: (kv: Kv, path: string) => Promise<void>): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), 'zerog-bench-'))
  const kv = lmdbKv({ path })
  try {
    await work(kv, path)
  } finally {
    await kv.close()
    rmSync(path, { recursive: true, force: true })
  }
}

function cpuUs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return user + system
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
}
