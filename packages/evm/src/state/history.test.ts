import { describe, expect, it } from '@jest/globals'
import { memoryKv } from '@zerog/adapters'
import type { Kv } from '@zerog/ports'
import { toHex } from '@zerog/primitives'
import fc from 'fast-check'
import { decodeNode, type NodeRef } from '../trie/node.ts'
import { EMPTY_ROOT } from '../trie/trie.ts'
import { verifyState } from '../verify-state.ts'
import { decodeAccount, NEW_ACCOUNT } from './account.ts'
import { createHistory, type History, takeBackWrites } from './history.ts'
import { createNodeStore, fromLatin1, latin1, NODE_TABLE, nodeOfRecord } from './node-store.ts'
import { createWorldState } from './world-state.ts'

type Change =
  | { readonly kind: 'balance'; readonly account: number; readonly value: number }
  | { readonly kind: 'slot'; readonly account: number; readonly slot: number; readonly value: number }
  | { readonly kind: 'delete'; readonly account: number }

// Few accounts, slots and values, so that nodes come back after they were replaced, and tries of two accounts are alike.
const account = fc.nat(5)
// Contracts that are deleted were made in the same transaction (EIP-6780): their storage never reached the store.
const contract = fc.nat(2)
const user = fc.integer({ min: 3, max: 5 })
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('balance' as const), account, value: fc.nat(2) }),
  fc.record({ kind: fc.constant('slot' as const), account: contract, slot: fc.nat(7), value: fc.nat(2) }),
  fc.record({ kind: fc.constant('delete' as const), account: user }),
)
const blocks = fc.array(fc.array(change, { maxLength: 6 }), { minLength: 1, maxLength: 25 })

const addressOf = (index: number): string => latin1(new Uint8Array(20).fill(index + 1))
const slotOf = (index: number): string => latin1(new Uint8Array(32).fill(index))

/** A chain of states without blocks around them. */
function chain(kv: Kv, history: History) {
  const store = createNodeStore(kv)
  const state = createWorldState(store)
  const states = createHistory(kv, history)
  let root = EMPTY_ROOT
  let height = 0n
  return {
    states,
    commit: (changes: readonly Change[]): Uint8Array => {
      state.open(root)
      // Every block of a chain changes something: its predecessor's hash.
      state.putAccount(addressOf(99), { ...NEW_ACCOUNT, nonce: height + 1n })
      for (const each of changes) {
        const address = addressOf(each.account)
        const known = state.account(address) ?? NEW_ACCOUNT
        if (each.kind === 'balance') state.putAccount(address, { ...known, balance: BigInt(each.value) })
        else if (each.kind === 'slot') {
          state.putAccount(address, known)
          state.putStorage(address, slotOf(each.slot), each.value === 0 ? new Uint8Array(0) : Uint8Array.of(each.value))
        } else state.putAccount(address, undefined)
      }
      state.endTransaction()
      const sealed = state.seal()
      kv.write([...states.writes(sealed.additions, height, sealed.root), ...store.writes(sealed.additions, height)])
      root = sealed.root
      height += 1n
      return root
    },
    revertTo: (to: Uint8Array, toHeight: bigint): void => {
      kv.write(takeBackWrites(kv, toHeight))
      root = to
      height = toHeight + 1n
    },
  }
}

/** Keys of every stored node that a root leads to. */
function reachable(kv: Kv, root: Uint8Array, owner = '', path: readonly number[] = [], into = new Set<string>()): Set<string> {
  const visit = (ref: NodeRef, at: readonly number[]): void => {
    let node = ref
    if (node instanceof Uint8Array) {
      const key = owner + latin1(node)
      into.add(key)
      const record = kv.get(NODE_TABLE, fromLatin1(key))
      if (record === undefined) throw new Error(`the node ${toHex(node)} is missing`)
      node = decodeNode(nodeOfRecord(record))
    }
    if (node.kind === 'extension') visit(node.child, [...at, ...node.path])
    else if (node.kind === 'branch') {
      for (const [nibble, child] of node.children.entries()) if (child !== null) visit(child, [...at, nibble])
    } else if (owner === '') {
      const nibbles = [...at, ...node.path]
      const hashed = Uint8Array.from({ length: 32 }, (_, index) => (nibbles[2 * index] ?? 0) * 16 + (nibbles[2 * index + 1] ?? 0))
      const { storageRoot } = decodeAccount(node.value)
      if (storageRoot !== EMPTY_ROOT) reachable(kv, storageRoot, latin1(hashed), [], into)
    }
  }
  if (root !== EMPTY_ROOT) visit(root, path)
  return into
}

const stored = (kv: Kv): Set<string> => new Set([...kv.range(NODE_TABLE)].map(([key]) => latin1(key)))

describe('states of a window', () => {
  it('keeps every state of the window whole, and nothing that no state of it needs', () => {
    fc.assert(
      fc.property(blocks, fc.integer({ min: 1, max: 4 }), (changes, window) => {
        const kv = memoryKv()
        const { commit } = chain(kv, window)
        const roots: Uint8Array[] = []
        for (const each of changes) {
          roots.push(commit(each))
          const needed = new Set<string>()
          for (const root of roots.slice(-window - 1)) for (const key of reachable(kv, root)) needed.add(key)
          expect(stored(kv)).toEqual(needed)
        }
      }),
      { numRuns: 150 },
    )
  })

  it('is whole for the doctor, and tells which states are gone', async () => {
    const kv = memoryKv()
    const { commit, states } = chain(kv, 2)
    const roots = Array.from({ length: 6 }, (_, index) => commit([{ kind: 'slot', account: 1, slot: index, value: 1 }]))
    const last = roots.at(-1) as Uint8Array
    expect((await verifyState(kv, { stateRoot: toHex(last), problemsMax: 10 })).problems).toEqual([])
    expect(roots.map((root) => createNodeStore(kv).has(root))).toEqual([false, false, false, true, true, true])
    expect(states.first()).toBe(3n)
  })

  it('keeps everything in an archive', () => {
    const kv = memoryKv()
    const { commit, states } = chain(kv, 'archive')
    const roots = Array.from({ length: 6 }, (_, index) => commit([{ kind: 'balance', account: 1, value: index }]))
    for (const root of roots) reachable(kv, root)
    expect(states.first()).toBe(0n)
  })

  it('waits for whoever reads an old state', () => {
    const kv = memoryKv()
    const { commit, states } = chain(kv, 1)
    const [first] = [commit([{ kind: 'balance', account: 1, value: 1 }]), commit([])]
    const release = states.hold()
    for (let index = 0; index < 5; index++) commit([{ kind: 'balance', account: 1, value: index }])
    reachable(kv, first as Uint8Array)
    release()
    commit([])
    expect(() => reachable(kv, first as Uint8Array)).toThrow(/missing/)
  })

  it('comes back after blocks were taken back, and never loses what is needed', () => {
    fc.assert(
      fc.property(blocks, blocks, fc.nat(20), (before, after, back) => {
        const kv = memoryKv()
        const { commit, revertTo, states } = chain(kv, 3)
        const roots = before.map(commit)
        const height = Math.max(0, roots.length - 1 - Math.min(back, 3))
        revertTo(roots[height] as Uint8Array, BigInt(height))
        const kept = [...roots.slice(0, height + 1), ...after.map(commit)]
        // The longer branch has forgotten what lies before its own window.
        for (const root of kept.slice(Number(states.first()))) reachable(kv, root)
      }),
      { numRuns: 100 },
    )
  })
})
