import type { Statement } from '@zerog/availability'
import { toHex } from '@zerog/primitives'
import { type Holding, holdingText } from './holding-key.ts'

/** Rows of one assignment on this node's disk, and until when they are promised. */
export type Held = {
  /** Its expiry is the first one that was promised. */
  readonly bundle: Statement
  /** One manifest each. */
  readonly expiries: Set<bigint>
  readonly rows: number
  /** Packs, numbered from 0. */
  packs: number
  /** Something of it cannot be read: it is signed no more until it is refilled. */
  damaged: boolean
  /** Grows whenever the rows are written anew. */
  generation: number
}

const MINUTE_SECONDS = 60n

/** What lies on the disk, by commitment and by minute of expiry. Some 500 bytes of memory per bundle. */
export type Holdings = {
  add(bundle: Statement, has: { readonly rows: number; readonly packs: number }): Held
  /** Takes one promise away; the holding with the last one. Returns the holding if it is gone. */
  dropPromise(bundle: Statement): Held | undefined
  find(holding: Holding): Held | undefined
  ofCommitment(commitment: Uint8Array): readonly Held[]
  all(): Iterable<Held>
  count(): number
  rowCount(): number
  damaged(): readonly Held[]
  /** Promises whose minute has passed, the oldest first, at most `max`. */
  expired(nowSeconds: bigint, max: number): readonly Statement[]
}

export function createHoldings(): Holdings {
  const byText = new Map<string, Held>()
  const byCommitment = new Map<string, Held[]>()
  const byMinute = new Map<bigint, Set<Statement>>()
  let rowCount = 0

  function forgetPromise(bundle: Statement): void {
    const minute = bundle.expiry / MINUTE_SECONDS
    const bucket = byMinute.get(minute)
    for (const each of bucket ?? []) {
      if (each.expiry === bundle.expiry && holdingText(each) === holdingText(bundle)) bucket?.delete(each)
    }
    if (bucket?.size === 0) byMinute.delete(minute)
  }

  return {
    add(bundle, { rows, packs }) {
      const text = holdingText(bundle)
      let held = byText.get(text)
      if (held === undefined) {
        held = { bundle, expiries: new Set(), rows, packs, damaged: false, generation: 0 }
        byText.set(text, held)
        rowCount += rows
        const commitment = toHex(bundle.commitment)
        byCommitment.set(commitment, [...(byCommitment.get(commitment) ?? []), held])
      }
      held.packs = Math.max(held.packs, packs)
      if (!held.expiries.has(bundle.expiry)) {
        held.expiries.add(bundle.expiry)
        const minute = bundle.expiry / MINUTE_SECONDS
        byMinute.set(minute, (byMinute.get(minute) ?? new Set()).add(bundle))
      }
      return held
    },
    dropPromise(bundle) {
      const held = byText.get(holdingText(bundle))
      if (held === undefined || !held.expiries.delete(bundle.expiry)) return undefined
      forgetPromise(bundle)
      if (held.expiries.size > 0) return undefined
      byText.delete(holdingText(bundle))
      rowCount -= held.rows
      const commitment = toHex(bundle.commitment)
      const others = (byCommitment.get(commitment) ?? []).filter((other) => other !== held)
      if (others.length === 0) byCommitment.delete(commitment)
      else byCommitment.set(commitment, others)
      return held
    },
    find: (holding) => byText.get(holdingText(holding)),
    ofCommitment: (commitment) => byCommitment.get(toHex(commitment)) ?? [],
    all: () => byText.values(),
    count: () => byText.size,
    rowCount: () => rowCount,
    damaged: () => [...byText.values()].filter((held) => held.damaged),
    expired(nowSeconds, max) {
      const minutes = [...byMinute.keys()].filter((minute) => (minute + 1n) * MINUTE_SECONDS <= nowSeconds)
      minutes.sort((a, b) => (a < b ? -1 : 1))
      const found: Statement[] = []
      for (const minute of minutes) {
        for (const bundle of byMinute.get(minute) ?? []) {
          if (found.length === max) return found
          found.push(bundle)
        }
      }
      return found
    },
  }
}
