import type { Kv, KvWrite } from '@zerog/ports'
import { fromHex, toHex } from '@zerog/primitives'
import { ORACLE_GENERATION_BLOCKS, ORACLE_NODES_PER_BLOCK } from '../limits.ts'
import { decodeAccount } from '../state/account.ts'
import { decodeNode, type NodeRef } from '../trie/node.ts'
import type { OracleDb } from './oracle.ts'

/** Trie nodes and codes of the oracle in the chain's Kv, under the keys that its library gives them, of two generations. */
export const ORACLE_TABLES = ['oracle', 'oracle_b'] as const
/** "generation" -> which of the tables is written to, then 1 while what it lacks is copied, 2 while the other one is cleared, 0 else. */
const STATE_TABLE = 'oracle_state'
const STATE_KEY = new TextEncoder().encode('generation')

const IDLE = 0
const COPYING = 1
const CLEARING = 2

/** How its library names a code: this byte and the hash. */
const CODE_PREFIX = '63'
const EMPTY_ROOT = '56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
const EMPTY_CODE = 'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'

/** What a block adds to the oracle's state, by hexadecimal key. */
export type OracleAdditions = ReadonlyMap<string, Uint8Array>

export type OraclePruning = { readonly generationBlocks: number; readonly nodesPerBlock: number }

const PRUNING: OraclePruning = { generationBlocks: ORACLE_GENERATION_BLOCKS, nodesPerBlock: ORACLE_NODES_PER_BLOCK }

/** What the walk over the head's state still has to visit: nodes by hexadecimal hash, and in which kind of trie. */
type Place = { readonly hash: string; readonly accounts: boolean }

/**
 * The oracle's database over a Kv: nothing is written before `write`, everything is readable at once.
 *
 * Only the state of the head is ever needed again, and its library does not tell reliably what a block replaces. So states are forgotten in
 * generations: from time to time new records go to the other table, a walk over the head's state copies there what is still in use, some
 * nodes with each block, and when it is through, the old table is cleared, some records with each block. A restart begins the walk again.
 */
export function createOracleStore(kv: Kv, { generationBlocks, nodesPerBlock }: OraclePruning = PRUNING) {
  let pending = new Map<string, Uint8Array>()
  const announced = new Set<OracleAdditions>()
  let [active = 0, phase = IDLE] = kv.get(STATE_TABLE, STATE_KEY) ?? []
  let blocks = 0
  let places: Place[] | undefined

  const stored = (key: string): Uint8Array | undefined => {
    const name = fromHex(`0x${key}`)
    const found = kv.get(ORACLE_TABLES[active as 0 | 1], name)
    // What is being cleared is not whole any more.
    return found ?? (phase === CLEARING ? undefined : kv.get(ORACLE_TABLES[(1 - active) as 0 | 1], name))
  }
  const get = (key: string): Uint8Array | undefined => {
    const fresh = pending.get(key)
    if (fresh !== undefined) return fresh
    for (const additions of announced) {
      const found = additions.get(key)
      if (found !== undefined) return found
    }
    return stored(key)
  }
  const put = (key: string, value: Uint8Array): KvWrite => ({
    table: ORACLE_TABLES[active as 0 | 1],
    key: fromHex(`0x${key}`),
    value,
  })
  const enter = (next: number): KvWrite => {
    phase = next
    return { table: STATE_TABLE, key: STATE_KEY, value: Uint8Array.of(active, phase) }
  }

  /** Copies some of what the walk comes to; `walk` is empty when it has seen everything. */
  const copySome = (fresh: OracleAdditions, walk: Place[], most: number): KvWrite[] => {
    const writes: KvWrite[] = []
    const copy = (key: string): Uint8Array | undefined => {
      const value = fresh.get(key) ?? stored(key)
      if (value !== undefined && !fresh.has(key)) writes.push(put(key, value))
      return value
    }
    const visit = (ref: NodeRef, accounts: boolean): void => {
      if (ref instanceof Uint8Array) walk.push({ hash: toHex(ref).slice(2), accounts })
      else if (ref.kind === 'extension') visit(ref.child, accounts)
      else if (ref.kind === 'branch') {
        for (const child of ref.children) if (child !== null) visit(child, accounts)
      } else if (accounts) {
        const { storageRoot, codeHash } = decodeAccount(ref.value)
        const [storage, code] = [storageRoot, codeHash].map((hash) => toHex(hash).slice(2)) as [string, string]
        if (storage !== EMPTY_ROOT) walk.push({ hash: storage, accounts: false })
        if (code !== EMPTY_CODE) copy(CODE_PREFIX + code)
      }
    }
    for (let count = 0; count < most; count++) {
      const place = walk.pop()
      if (place === undefined) break
      const node = copy(place.hash)
      // What is missing is found out by the oracle, when it needs it.
      if (node !== undefined) visit(decodeNode(node), place.accounts)
    }
    return writes
  }

  const collect = (fresh: OracleAdditions, root: string): KvWrite[] => {
    if (phase === IDLE) {
      blocks += 1
      if (blocks < generationBlocks) return []
      blocks = 0
      active = 1 - active
      return [enter(COPYING)]
    }
    // More than comes in, so that every phase ends.
    const most = Math.max(nodesPerBlock, 2 * fresh.size)
    if (phase === COPYING) {
      places ??= [{ hash: root, accounts: true }]
      const writes = copySome(fresh, places, most)
      if (places.length > 0) return writes
      places = undefined
      return [...writes, enter(CLEARING)]
    }
    const table = ORACLE_TABLES[(1 - active) as 0 | 1]
    const old = [...kv.range(table, { limit: most })]
    return [...old.map(([key]): KvWrite => ({ table, key, value: null })), ...(old.length < most ? [enter(IDLE)] : [])]
  }

  const db: OracleDb = {
    get: async (key) => get(key),
    put: async (key, value) => void pending.set(key, value),
    // Keys are hashes of what they hold: nothing is taken back, so old roots stay readable.
    del: async () => undefined,
    batch: async (operations) => {
      for (const operation of operations) if (operation.type === 'put') pending.set(operation.key, operation.value)
    },
    shallowCopy: () => db,
    open: async () => undefined,
  }
  return {
    db,
    /** What was put since the last time. It stays readable until it is forgotten. */
    take: (): OracleAdditions => {
      const additions = pending
      pending = new Map()
      announced.add(additions)
      return additions
    },
    forget: (additions: OracleAdditions): void => void announced.delete(additions),
    /** `root`: of the accounts, when these additions belong to a block that is final. */
    write: (additions: OracleAdditions, root?: string): void => {
      const collected = root === undefined ? [] : collect(additions, root.slice(2))
      kv.write([...[...additions].map(([key, value]) => put(key, value)), ...collected])
      announced.delete(additions)
    },
  }
}
