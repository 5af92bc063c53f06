import type { Kv } from '@zerog/ports'
import { concatBytes, equalBytes, fromHex, type Hex, toHex } from '@zerog/primitives'
import { keccak256 } from './codec/keccak.ts'
import { decodeAccount, EMPTY_CODE_HASH } from './state/account.ts'
import { birthOfRecord, CODE_TABLE, NODE_TABLE, nodeOfRecord } from './state/node-store.ts'
import { decodeNode, type NodeRef, type TrieNode } from './trie/node.ts'
import { EMPTY_ROOT } from './trie/trie.ts'

export type StateProblem = { readonly table: string; readonly key: Hex; readonly problem: string }

const RECORDS_PER_TURN = 2_048

/**
 * Proves the stored state: every record of the tables `trie` and `code` is what its key says (Keccak-256), and everything that
 * `stateRoot` leads to is there. Stops after `problemsMax`. Gives the event loop its turn.
 */
export async function verifyState(
  kv: Kv,
  options: { readonly stateRoot: Hex; readonly problemsMax: number; readonly signal?: AbortSignal },
): Promise<{ readonly records: number; readonly problems: readonly StateProblem[] }> {
  const { stateRoot, problemsMax, signal } = options
  const problems: StateProblem[] = []
  let records = 0
  const turn = async (): Promise<void> => {
    records += 1
    if (records % RECORDS_PER_TURN !== 0) return
    await new Promise<void>((resolve) => setImmediate(resolve))
    signal?.throwIfAborted()
  }
  for (const table of [NODE_TABLE, CODE_TABLE]) {
    try {
      for (const [key, value] of kv.range(table)) {
        await turn()
        const problem = problemOf(table, key, value)
        if (problem !== undefined) problems.push({ table, key: toHex(key), problem })
        if (problems.length >= problemsMax) return { records, problems }
      }
    } catch (error) {
      // The store names the damaged record; what lies behind it in this table is judged by the walk.
      problems.push({ table, key: '0x', problem: messageOf(error) })
    }
  }
  const read = (table: string, key: Uint8Array): Uint8Array | undefined => {
    try {
      const value = kv.get(table, key)
      if (value === undefined) problems.push({ table, key: toHex(key), problem: 'the record is missing' })
      return value
    } catch (error) {
      problems.push({ table, key: toHex(key), problem: messageOf(error) })
      return undefined
    }
  }
  // `owner` is keccak256 of the address for nodes of a storage trie; it is the path that led to the account.
  type Place = { readonly ref: NodeRef; readonly path: readonly number[]; readonly owner: Uint8Array | undefined }
  const pending: Place[] = []
  const visit = (place: Place): void => void pending.push(place)
  if (!equalBytes(fromHex(stateRoot), EMPTY_ROOT)) visit({ ref: fromHex(stateRoot), path: [], owner: undefined })
  for (let at = pending.pop(); at !== undefined && problems.length < problemsMax; at = pending.pop()) {
    await turn()
    const { ref, path, owner } = at
    const key = ref instanceof Uint8Array ? (owner === undefined ? ref : concatBytes(owner, ref)) : undefined
    const record = key === undefined ? undefined : read(NODE_TABLE, key)
    if (key !== undefined && record === undefined) continue
    try {
      const node = record === undefined ? (ref as TrieNode) : decodeNode(nodeOfRecord(record))
      if (node.kind === 'extension') visit({ ref: node.child, path: [...path, ...node.path], owner })
      else if (node.kind === 'branch') {
        for (const [nibble, child] of node.children.entries())
          if (child !== null) visit({ ref: child, path: [...path, nibble], owner })
      } else if (owner === undefined) {
        const { storageRoot, codeHash } = decodeAccount(node.value)
        if (storageRoot !== EMPTY_ROOT) visit({ ref: storageRoot, path: [], owner: bytesOf([...path, ...node.path]) })
        if (codeHash !== EMPTY_CODE_HASH) read(CODE_TABLE, codeHash)
      }
    } catch (error) {
      problems.push({ table: NODE_TABLE, key: ref instanceof Uint8Array ? toHex(ref) : '0x', problem: messageOf(error) })
    }
  }
  return { records, problems }
}

function problemOf(table: string, key: Uint8Array, value: Uint8Array): string | undefined {
  const content = table === NODE_TABLE ? nodeOfRecord(value) : value
  if (!equalBytes(keccak256(content), key.subarray(-32))) return 'the content does not have this hash'
  if (table !== NODE_TABLE) return undefined
  try {
    birthOfRecord(value)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

function bytesOf(nibbles: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: nibbles.length / 2 }, (_, index) => {
    return ((nibbles[2 * index] as number) << 4) | (nibbles[2 * index + 1] as number)
  })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
