import type { Kv, KvWrite } from '@zerog/ports'
import { assert, bigintToBytes, bytesToBigint, concatBytes, equalBytes, type Hex, ZerogError } from '@zerog/primitives'
import { PRUNED_RECORDS_PER_COMMIT, STALE_NODES_PER_RECORD } from '../limits.ts'
import { birthOfRecord, NODE_TABLE, type StateAdditions } from './node-store.ts'

/** height u64 || part u16 -> count of account nodes u16, their keys of 32 bytes, then keys of storage nodes of 64 bytes. */
export const STALE_TABLE = 'stale'
/** "first" -> lowest height whose state is complete, u64; absent for 0. "head" -> root of the last committed state. */
export const HISTORY_TABLE = 'history'
const FIRST_KEY = new TextEncoder().encode('first')
const HEAD_KEY = new TextEncoder().encode('head')

/** States of how many blocks before the head are kept: calls, proofs and traces work there. */
export type History = number | 'archive'

/**
 * Forgets states by age. A block's commit records which nodes it replaced; when it is older than the window, those that no later block
 * made again are deleted, in the commit of the block that makes it so. A node belongs to one place of one trie at a time (the hash of its
 * key is part of it), and a node that comes back is written again with the height of its return, so age alone decides.
 */
export function createHistory(kv: Kv, history: History) {
  /** Heights of the head when calls began that still run: what they may read stays. */
  const readers = new Map<symbol, bigint>()
  let height = 0n

  const first = (): bigint => {
    const stored = kv.get(HISTORY_TABLE, FIRST_KEY)
    return stored === undefined ? 0n : bytesToBigint(stored)
  }

  const prune = (untilHeight: bigint): KvWrite[] => {
    const writes: KvWrite[] = []
    const options = { to: heightKey(untilHeight + 1n), limit: PRUNED_RECORDS_PER_COMMIT }
    let last: bigint | undefined
    for (const [key, value] of kv.range(STALE_TABLE, options)) {
      const staleAt = bytesToBigint(key.subarray(0, 8))
      for (const node of keysOf(value)) {
        const record = kv.get(NODE_TABLE, node)
        if (record !== undefined && birthOfRecord(record) < staleAt) writes.push({ table: NODE_TABLE, key: node, value: null })
      }
      writes.push({ table: STALE_TABLE, key, value: null })
      last = staleAt
    }
    if (last !== undefined) writes.push({ table: HISTORY_TABLE, key: FIRST_KEY, value: heightKey(last) })
    return writes
  }

  return {
    /** What belongs into the commit of the block at `blockHeight`, before its nodes: it may make again what is deleted here. */
    writes: (additions: StateAdditions, blockHeight: bigint, stateRoot: Uint8Array): KvWrite[] => {
      height = blockHeight
      const head: KvWrite = { table: HISTORY_TABLE, key: HEAD_KEY, value: stateRoot }
      if (history === 'archive') return [head]
      const oldest = [...readers.values()].reduce((low, at) => (at < low ? at : low), blockHeight)
      const until = oldest - BigInt(history)
      return [head, ...staleWrites(additions, blockHeight), ...(until >= 0n ? prune(until) : [])]
    },
    /** Keeps what a state within the window needs until the returned function is called. */
    hold: (): (() => void) => {
      const reader = Symbol()
      readers.set(reader, height)
      return () => void readers.delete(reader)
    },
    first,
    /** Whether a state that is not there was forgotten; else it is missing. */
    forgot: (stateRoot: Uint8Array): boolean =>
      first() > 0n && !equalBytes(kv.get(HISTORY_TABLE, HEAD_KEY) ?? NOTHING, stateRoot),
    gone: (stateRoot: Hex): ZerogError =>
      new ZerogError('NOT_FOUND', {
        message: `historical state ${stateRoot} is not available: this node keeps ${history === 'archive' ? 'all states since it became an archive' : `the states of the last ${history} blocks`}; ask a node that was started with history = archive`,
        metadata: { stateRoot },
      }),
  }
}

/** Whether the states in this store are kept for a window; an archive does not record what blocks replace. */
export function keepsWindow(kv: Kv): boolean {
  for (const _record of kv.range(STALE_TABLE, { limit: 1 })) return true
  return false
}

/** Development only: forgets what blocks above `height` replaced, because they are taken back. What they made remains, unreachable. */
export function takeBackWrites(kv: Kv, height: bigint): KvWrite[] {
  return [...kv.range(STALE_TABLE, { from: heightKey(height + 1n) })].map(([key]) => ({ table: STALE_TABLE, key, value: null }))
}

const NOTHING = new Uint8Array(0)

function heightKey(height: bigint): Uint8Array {
  return bigintToBytes(height, 8)
}

/** At least one record for each block, so that the window moves with every block. */
function staleWrites({ staleAccounts, staleSlots }: StateAdditions, height: bigint): KvWrite[] {
  const stale = [...staleAccounts, ...staleSlots]
  const parts = Math.max(1, Math.ceil(stale.length / STALE_NODES_PER_RECORD))
  assert(parts < 0x10000, 'a block does not replace so many nodes')
  return Array.from({ length: parts }, (_, part) => {
    const from = part * STALE_NODES_PER_RECORD
    const keys = stale.slice(from, from + STALE_NODES_PER_RECORD)
    const accounts = Math.min(keys.length, Math.max(0, staleAccounts.length - from))
    return {
      table: STALE_TABLE,
      key: concatBytes(heightKey(height), bigintToBytes(BigInt(part), 2)),
      value: concatBytes(bigintToBytes(BigInt(accounts), 2), ...keys),
    }
  })
}

function keysOf(record: Uint8Array): Uint8Array[] {
  const accounts = Number(bytesToBigint(record.subarray(0, 2)))
  const keys: Uint8Array[] = []
  for (let at = 2; at < record.length; ) {
    const length = keys.length < accounts ? 32 : 64
    keys.push(record.subarray(at, at + length))
    at += length
  }
  return keys
}
