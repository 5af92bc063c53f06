import type { Kv } from '@zerog/ports'
import { equalBytes, fromHex, type Hex, toHex } from '@zerog/primitives'
import { keccak256 } from './codec/keccak.ts'
import { CODE_TABLE, NODE_TABLE } from './state/node-store.ts'
import { decodeAccount, EMPTY_CODE_HASH } from './state/world-state.ts'
import { decodeNode, type NodeRef } from './trie/node.ts'
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
        if (!equalBytes(keccak256(value), key))
          problems.push({ table, key: toHex(key), problem: 'the content does not have this hash' })
        if (problems.length >= problemsMax) return { records, problems }
      }
    } catch (error) {
      // The store names the damaged record; what lies behind it in this table is judged by the walk.
      problems.push({ table, key: '0x', problem: messageOf(error) })
    }
  }
  const read = (table: string, hash: Uint8Array): Uint8Array | undefined => {
    try {
      const value = kv.get(table, hash)
      if (value === undefined) problems.push({ table, key: toHex(hash), problem: 'the record is missing' })
      return value
    } catch (error) {
      problems.push({ table, key: toHex(hash), problem: messageOf(error) })
      return undefined
    }
  }
  const pending: { readonly ref: NodeRef; readonly storage: boolean }[] = []
  const visit = (ref: NodeRef, storage: boolean): void => void pending.push({ ref, storage })
  if (!equalBytes(fromHex(stateRoot), EMPTY_ROOT)) visit(fromHex(stateRoot), false)
  for (let at = pending.pop(); at !== undefined && problems.length < problemsMax; at = pending.pop()) {
    await turn()
    const { ref, storage } = at
    const encoded = ref instanceof Uint8Array ? read(NODE_TABLE, ref) : undefined
    if (ref instanceof Uint8Array && encoded === undefined) continue
    try {
      const node = ref instanceof Uint8Array ? decodeNode(encoded as Uint8Array) : ref
      if (node.kind === 'extension') visit(node.child, storage)
      else if (node.kind === 'branch') for (const child of node.children) child === null || visit(child, storage)
      else if (!storage) {
        const { storageRoot, codeHash } = decodeAccount(node.value)
        if (storageRoot !== EMPTY_ROOT) visit(storageRoot, true)
        if (codeHash !== EMPTY_CODE_HASH) read(CODE_TABLE, codeHash)
      }
    } catch (error) {
      problems.push({ table: NODE_TABLE, key: ref instanceof Uint8Array ? toHex(ref) : '0x', problem: messageOf(error) })
    }
  }
  return { records, problems }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
