import { assert, concatBytes, equalBytes } from '@zerog/primitives'
import { keccak256 } from '../codec/keccak.ts'
import { rlpDecode, rlpEncode, toBytes } from '../codec/rlp.ts'
import { ACCOUNTS_CACHED_MAX } from '../limits.ts'
import { EMPTY_ROOT, type NodeSource, type TrieUpdate, trieGet, trieUpdate } from '../trie/trie.ts'
import { type AccountRecord, decodeAccount, EMPTY_CODE_HASH, encodeAccount, NEW_ACCOUNT } from './account.ts'
import { hashedKey, latin1, type NodeStore, type StateAdditions } from './node-store.ts'

export { type AccountRecord, EMPTY_CODE_HASH, NEW_ACCOUNT } from './account.ts'

/** Pending storage of one account over the trie below `root`. Values are without leading zeros; empty is zero. */
type StorageArea = {
  readonly root: Uint8Array
  /** keccak256 of the address: whose nodes these are. */
  readonly owner: Uint8Array
  readonly nodes: NodeSource
  readonly slots: Map<string, Uint8Array>
  readonly dirty: Set<string>
  /** Values at the start of the transaction, of slots written since. */
  readonly original: Map<string, Uint8Array>
}

type Undo =
  | { readonly kind: 'account'; readonly address: string; readonly record: AccountRecord | undefined }
  | { readonly kind: 'slot'; readonly area: StorageArea; readonly slot: string; readonly value: Uint8Array }
  | { readonly kind: 'area'; readonly address: string; readonly area: StorageArea | undefined }

export type WorldState = ReturnType<typeof createWorldState>

/**
 * One state that executes on top of a root: flat maps with an undo journal, synchronous. Addresses and slots are latin-1
 * strings of 20 and 32 bytes. Nothing reaches the store before the additions of `seal` are written.
 */
export function createWorldState(store: NodeStore) {
  let root: Uint8Array = EMPTY_ROOT
  let accounts = new Map<string, AccountRecord | undefined>()
  let areas = new Map<string, StorageArea>()
  let dirty = new Set<string>()
  let newCodes = new Map<string, Uint8Array>()
  let journal: Undo[] = []
  let marks: number[] = []
  let touchedAreas: StorageArea[] = []
  let slotsRead = 0

  const account = (address: string): AccountRecord | undefined => {
    if (accounts.has(address)) return accounts.get(address)
    const encoded = trieGet(root, hashedKey(address), store.node)
    const record = encoded === undefined ? undefined : decodeAccount(encoded)
    accounts.set(address, record)
    return record
  }

  const putAccount = (address: string, record: AccountRecord | undefined): void => {
    journal.push({ kind: 'account', address, record: account(address) })
    accounts.set(address, record)
    dirty.add(address)
  }

  const newArea = (areaRoot: Uint8Array, address: string): StorageArea => {
    const owner = hashedKey(address)
    return { root: areaRoot, owner, nodes: store.nodesOf(owner), slots: new Map(), dirty: new Set(), original: new Map() }
  }

  const area = (address: string): StorageArea => {
    const known = areas.get(address)
    if (known !== undefined) return known
    const fresh = newArea(account(address)?.storageRoot ?? EMPTY_ROOT, address)
    areas.set(address, fresh)
    return fresh
  }

  const read = (from: StorageArea, slot: string): Uint8Array => {
    const known = from.slots.get(slot)
    if (known !== undefined) return known
    const encoded = from.root === EMPTY_ROOT ? undefined : trieGet(from.root, hashedKey(slot), from.nodes)
    const value = encoded === undefined ? ZERO : toBytes(rlpDecode(encoded), 'slot')
    from.slots.set(slot, value)
    slotsRead += 1
    return value
  }

  const putStorage = (address: string, slot: string, value: Uint8Array): void => {
    const target = area(address)
    const before = read(target, slot)
    if (!target.original.has(slot)) {
      if (target.original.size === 0) touchedAreas.push(target)
      target.original.set(slot, before)
    }
    journal.push({ kind: 'slot', area: target, slot, value: before })
    target.slots.set(slot, stripZeros(value))
    target.dirty.add(slot)
    dirty.add(address)
  }

  const clearStorage = (address: string): void => {
    const before = areas.get(address)
    if (before === undefined && (account(address)?.storageRoot ?? EMPTY_ROOT) === EMPTY_ROOT) return
    journal.push({ kind: 'area', address, area: before })
    areas.set(address, newArea(EMPTY_ROOT, address))
    dirty.add(address)
  }

  const undo = (entry: Undo): void => {
    if (entry.kind === 'account') accounts.set(entry.address, entry.record)
    else if (entry.kind === 'slot') entry.area.slots.set(entry.slot, entry.value)
    else if (entry.area === undefined) areas.delete(entry.address)
    else areas.set(entry.address, entry.area)
  }

  return {
    /** Forgets everything pending and continues on `next`; what was read of the same root is kept. */
    open: (next: Uint8Array): void => {
      const clean = dirty.size === 0 && equalBytes(root, next) && accounts.size + slotsRead < ACCOUNTS_CACHED_MAX
      if (!clean) {
        root = next
        accounts = new Map()
        areas = new Map()
        dirty = new Set()
        newCodes = new Map()
        slotsRead = 0
      }
      journal = []
      marks = []
      touchedAreas = []
    },
    account,
    putAccount,
    /** An account that is gone has no storage either. */
    deleteAccount: (address: string): void => {
      if (account(address) === undefined && !areas.has(address)) return
      clearStorage(address)
      putAccount(address, undefined)
    },
    code: (hash: Uint8Array): Uint8Array =>
      equalBytes(hash, EMPTY_CODE_HASH) ? ZERO : (newCodes.get(latin1(hash)) ?? store.code(hash)),
    putCode: (address: string, code: Uint8Array): void => {
      const codeHash = code.length === 0 ? EMPTY_CODE_HASH : keccak256(code)
      if (code.length > 0) newCodes.set(latin1(codeHash), code)
      putAccount(address, { ...(account(address) ?? NEW_ACCOUNT), codeHash })
    },
    storage: (address: string, slot: string): Uint8Array => read(area(address), slot),
    /** The value at the start of the transaction (EIP-2200). */
    originalStorage: (address: string, slot: string): Uint8Array => {
      const from = area(address)
      return from.original.get(slot) ?? read(from, slot)
    },
    putStorage,
    clearStorage,
    checkpoint: (): void => void marks.push(journal.length),
    commit: (): void => {
      assert(marks.length > 0, 'commit without a checkpoint')
      marks.pop()
      if (marks.length === 0) journal = []
    },
    revert: (): void => {
      const mark = marks.pop()
      assert(mark !== undefined, 'revert without a checkpoint')
      for (let index = journal.length - 1; index >= mark; index--) undo(journal[index] as Undo)
      journal.length = mark
    },
    /** Starts the next transaction: its original values are the current ones. */
    endTransaction: (): void => {
      for (const touched of touchedAreas) touched.original.clear()
      touchedAreas = []
    },
    /** Hashes what changed; the state stands on the new root afterwards. */
    seal: (): { readonly root: Uint8Array; readonly additions: StateAdditions } => {
      assert(marks.length === 0, 'sealed within a checkpoint')
      const additions: StateAdditions = { root, nodes: [], staleAccounts: [], staleSlots: [], codes: newCodes }
      const updates: TrieUpdate[] = []
      for (const address of dirty) {
        const record = account(address)
        if (record === undefined) {
          areas.delete(address)
          updates.push({ key: hashedKey(address), value: null })
          continue
        }
        const pending = areas.get(address)
        let storageRoot = record.storageRoot
        if (pending !== undefined) {
          const slots = [...pending.dirty].map((slot) => slotUpdate(slot, pending.slots.get(slot) ?? ZERO))
          const { owner, nodes } = pending
          storageRoot = trieUpdate(pending.root, slots, nodes, store.sinkOf(owner, additions), (bytes, at) => {
            additions.staleSlots.push(concatBytes(owner, bytes.subarray(at, at + 32)))
          })
          areas.set(address, { ...pending, root: storageRoot, dirty: new Set(), original: new Map() })
        }
        const sealed = { ...record, storageRoot }
        accounts.set(address, sealed)
        updates.push({ key: hashedKey(address), value: encodeAccount(sealed) })
      }
      root = trieUpdate(root, updates, store.node, store.sinkOf(null, additions), (bytes, at) => {
        additions.staleAccounts.push(bytes.slice(at, at + 32))
      })
      additions.root = root
      dirty = new Set()
      newCodes = new Map()
      journal = []
      return { root, additions }
    },
  }
}

const ZERO = new Uint8Array(0)

function slotUpdate(slot: string, value: Uint8Array): TrieUpdate {
  return { key: hashedKey(slot), value: value.length === 0 ? null : rlpEncode(value) }
}

/** Storage keeps values without leading zeros. */
export function stripZeros(value: Uint8Array): Uint8Array {
  let start = 0
  while (start < value.length && value[start] === 0) start += 1
  return start === 0 ? value : value.slice(start)
}

/** The latin-1 key of a hexadecimal address or slot. */
export function stateKey(hex: string): string {
  return Buffer.from(hex.slice(2), 'hex').toString('latin1')
}
