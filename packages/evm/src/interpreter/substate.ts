import type { AccessListItem, Log } from '../executor.ts'
import { hexOfKey } from './keys.ts'
import type { Precompiles } from './precompiles/precompile.ts'

type Undo =
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'slot'; readonly slots: Set<string>; readonly slot: string }
  | {
      readonly kind: 'transient'
      readonly slots: Map<string, Int32Array>
      readonly slot: string
      readonly value: Int32Array | undefined
    }
  | { readonly kind: 'member'; readonly set: Set<string>; readonly address: string }

/** Where a frame began, for its failure. */
export type Mark = { readonly entries: number; readonly logs: number; readonly refund: number }

/**
 * What a transaction remembers beside the state (yellow paper 6.1): what is warm, transient storage, logs, refunds, accounts made,
 * destroyed or touched. One journal takes back what a failed frame did. Addresses and slots are state keys.
 */
export class Substate {
  logs: Log[] = []
  refund = 0
  readonly created = new Set<string>()
  readonly destroyed = new Set<string>()
  /** Empty accounts that EIP-161 deletes at the end. */
  readonly touched = new Set<string>()
  /** Warm addresses with their warm slots. */
  #warm = new Map<string, Set<string>>()
  readonly #precompiles: Precompiles
  #transient = new Map<string, Map<string, Int32Array>>()
  #entries: Undo[] = []
  #reported: Map<string, Set<string>> | undefined

  /** `precompiles` are warm always (EIP-2929). */
  constructor(precompiles: Precompiles) {
    this.#precompiles = precompiles
  }

  /** For the next transaction. */
  reset(reportsAccesses: boolean): void {
    this.logs = []
    this.refund = 0
    this.#entries = []
    this.#warm = new Map()
    this.#reported = reportsAccesses ? new Map() : undefined
    if (this.#transient.size > 0) this.#transient = new Map()
    if (this.created.size > 0) this.created.clear()
    if (this.destroyed.size > 0) this.destroyed.clear()
    if (this.touched.size > 0) this.touched.clear()
  }

  /** Warm from the start. */
  preload(address: string): Set<string> {
    const known = this.#warm.get(address)
    if (known !== undefined) return known
    const slots = new Set<string>()
    this.#warm.set(address, slots)
    return slots
  }

  /** Named by the transaction's access list: warm, and reported. */
  preloadListed(address: string, slots: readonly string[]): void {
    const warm = this.preload(address)
    const reported = this.#reported && getOrPut(this.#reported, address, newSet)
    for (const slot of slots) {
      warm.add(slot)
      reported?.add(slot)
    }
  }

  isWarm(address: string): boolean {
    return this.#warm.has(address) || this.#precompiles.has(address)
  }

  isWarmSlot(address: string, slot: string): boolean {
    return this.#warm.get(address)?.has(slot) === true
  }

  /** Returns whether it was cold. */
  warm(address: string): boolean {
    if (this.isWarm(address)) return false
    this.#warm.set(address, new Set())
    this.#entries.push({ kind: 'address', address })
    if (this.#reported !== undefined) getOrPut(this.#reported, address, newSet)
    return true
  }

  /** Returns whether the slot of `address`, which is running and so is warm, was cold. */
  warmSlot(address: string, slot: string): boolean {
    const slots = this.preload(address)
    if (slots.has(slot)) return false
    slots.add(slot)
    this.#entries.push({ kind: 'slot', slots, slot })
    if (this.#reported !== undefined) getOrPut(this.#reported, address, newSet).add(slot)
    return true
  }

  transient(address: string, slot: string): Int32Array | undefined {
    return this.#transient.get(address)?.get(slot)
  }

  putTransient(address: string, slot: string, value: Int32Array): void {
    const slots = getOrPut(this.#transient, address, () => new Map<string, Int32Array>())
    this.#entries.push({ kind: 'transient', slots, slot, value: slots.get(slot) })
    slots.set(slot, value)
  }

  create(address: string): void {
    this.#include(this.created, address)
  }

  destroy(address: string): void {
    this.#include(this.destroyed, address)
  }

  touch(address: string): void {
    this.#include(this.touched, address)
  }

  #include(set: Set<string>, address: string): void {
    if (set.has(address)) return
    set.add(address)
    this.#entries.push({ kind: 'member', set, address })
  }

  mark(): Mark {
    return { entries: this.#entries.length, logs: this.logs.length, refund: this.refund }
  }

  revert({ entries, logs, refund }: Mark): void {
    for (let index = this.#entries.length - 1; index >= entries; index--) this.#undo(this.#entries[index] as Undo)
    this.#entries.length = entries
    this.logs.length = logs
    this.refund = refund
  }

  #undo(entry: Undo): void {
    if (entry.kind === 'address') this.#warm.delete(entry.address)
    else if (entry.kind === 'slot') entry.slots.delete(entry.slot)
    else if (entry.kind === 'member') entry.set.delete(entry.address)
    else if (entry.value === undefined) entry.slots.delete(entry.slot)
    else entry.slots.set(entry.slot, entry.value)
  }

  /** What was touched, failed frames too. */
  accesses(): AccessListItem[] {
    return [...(this.#reported ?? [])].map(([address, slots]) => ({
      address: hexOfKey(address),
      storageKeys: [...slots].map(hexOfKey),
    }))
  }
}

function newSet(): Set<string> {
  return new Set()
}

function getOrPut<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
