import { assert } from '@zerog/primitives'

/** What a hunt must know of an assignment (`Assignment` of @zerog/availability). */
export type Keepers = {
  dealt(member: number): ArrayLike<number>
  topUp(member: number): ArrayLike<number>
  owner(row: number): number
}

export type HuntOptions = {
  readonly k: number
  readonly keepers: Keepers
  /** Members that may be asked, the ones to ask first in front. */
  readonly order: readonly number[]
  /** Rows that are wanted as they are. */
  readonly wanted: readonly number[]
  /** Whether any k rows will do where a wanted one is not to be had. */
  readonly mayRestore: boolean
  /** Members that were silent or lied lately: nobody waits for them. */
  readonly suspects?: ReadonlySet<number>
}

export type Ask = { readonly member: number; readonly rows: readonly number[] }

/** `wanted`: all of them are here. `restorable`: any k rows are. `stuck`: neither, and nobody is left to ask. */
export type Outcome = 'running' | 'wanted' | 'restorable' | 'stuck'

/**
 * Decides whom to ask for which rows of one bundle: first the owners of the wanted rows, which need no decoding. As soon as one of those is
 * silent, gone or lying, the others are asked for their rows, until k distinct ones are here. Each member has one question at a time.
 * Pure: told what happened, it says what to ask next.
 */
export type Hunt = {
  /** Questions to ask now, also at the beginning. */
  next(): readonly Ask[]
  /** Rows of a member's answer that were verified. */
  verified(member: number, rows: readonly number[]): void
  /** Its answer is over. `lied`: a row did not verify; it is not asked again. `failed`: it cannot be reached or has nothing. */
  ended(member: number, how: 'complete' | 'failed' | 'lied'): void
  /** Nothing came from it for a while: others are asked, and what it still brings is welcome. */
  slow(member: number): void
  outcome(): Outcome
  /** Distinct verified rows. */
  have(): number
  /** Whether rows beyond the wanted ones are asked for. */
  restoring(): boolean
}

type Source = {
  state: 'idle' | 'asked' | 'slow' | 'out'
  /** Asked and not here yet. */
  pending: Set<number>
  /** Its own rows first, then those that it has besides. */
  readonly asked: Set<number>
}

export function createHunt(options: HuntOptions): Hunt {
  const { k, keepers, order, wanted, mayRestore } = options
  const suspects = options.suspects ?? new Set()
  const sources = new Map<number, Source>(order.map((member) => [member, newSource()]))
  const have = new Set<number>()
  const missing = new Set(wanted)
  let restoring = false
  let begun = false

  const sourceOf = (member: number): Source => {
    const source = sources.get(member)
    assert(source !== undefined, 'a member of the hunt')
    return source
  }
  /** Rows that somebody owes who is not late. Made anew for each round of questions, and grows with them. */
  let flight = new Set<number>()
  const lookAround = (): void => {
    flight = new Set()
    for (const { state, pending } of sources.values()) if (state === 'asked') for (const row of pending) flight.add(row)
  }

  function ask(member: number, rows: readonly number[]): Ask {
    const source = sourceOf(member)
    source.state = 'asked'
    for (const row of rows) {
      source.pending.add(row)
      source.asked.add(row)
      flight.add(row)
    }
    return { member, rows }
  }

  /** Rows of `candidates` that this member was not asked for and that nobody has brought or promises; originals first. */
  function open(member: number, candidates: ArrayLike<number>): number[] {
    const { asked } = sourceOf(member)
    const rows = Array.from(candidates).filter((row) => !have.has(row) && !asked.has(row) && !flight.has(row))
    return rows.sort((a, b) => a - b)
  }

  function askOwners(): Ask[] {
    const byOwner = new Map<number, number[]>()
    for (const row of missing) {
      const owner = keepers.owner(row)
      if (!sources.has(owner)) continue
      byOwner.set(owner, [...(byOwner.get(owner) ?? []), row])
    }
    return [...byOwner].map(([member, rows]) => ask(member, rows))
  }

  /** Whether each missing row is on its way from somebody who is not late. */
  function onItsWay(): boolean {
    for (const row of missing) {
      if (!flight.has(row) || suspects.has(keepers.owner(row))) return false
    }
    return true
  }

  /** Wanted rows from others that happen to keep them too. */
  function askForWanted(): Ask[] {
    const asks: Ask[] = []
    for (const member of order) {
      if (sourceOf(member).state !== 'idle') continue
      const held = new Set([...Array.from(keepers.topUp(member)), ...Array.from(keepers.dealt(member))])
      const rows = open(
        member,
        [...missing].filter((row) => held.has(row)),
      )
      if (rows.length > 0) asks.push(ask(member, rows))
    }
    return asks
  }

  function askForAny(): Ask[] {
    const asks: Ask[] = []
    for (const kind of ['dealt', 'topUp'] as const) {
      for (const member of order) {
        const deficit = k - have.size - flight.size
        if (deficit <= 0) return asks
        if (sourceOf(member).state !== 'idle') continue
        const rows = open(member, keepers[kind](member)).slice(0, deficit)
        if (rows.length > 0) asks.push(ask(member, rows))
      }
    }
    return asks
  }

  function outcome(): Outcome {
    if (missing.size === 0) return 'wanted'
    if (mayRestore && have.size >= k) return 'restorable'
    // Also one that brought all it was asked for: once its answer is over it can be asked for more.
    const busy = [...sources.values()].some(({ state }) => state === 'asked' || state === 'slow')
    return busy || !begun || canAsk() ? 'running' : 'stuck'
  }

  function canAsk(): boolean {
    lookAround()
    const kinds = ['dealt', 'topUp'] as const
    const useful = (row: number) => mayRestore || missing.has(row)
    return order.some(
      (member) =>
        sourceOf(member).state === 'idle' && kinds.some((kind) => open(member, keepers[kind](member)).some((row) => useful(row))),
    )
  }

  return {
    next() {
      if (missing.size === 0 || (mayRestore && have.size >= k)) return []
      lookAround()
      const asks = begun ? [] : askOwners()
      begun = true
      if (onItsWay()) return asks
      if (!mayRestore) return [...asks, ...askForWanted()]
      restoring = true
      return [...asks, ...askForAny()]
    },
    verified(member, rows) {
      const source = sourceOf(member)
      // It is not late any more: what else it owes is expected again.
      if (source.state === 'slow') source.state = 'asked'
      for (const row of rows) {
        source.pending.delete(row)
        have.add(row)
        missing.delete(row)
      }
    },
    ended(member, how) {
      const source = sourceOf(member)
      source.pending.clear()
      source.state = how === 'complete' ? 'idle' : 'out'
    },
    slow(member) {
      const source = sourceOf(member)
      if (source.state === 'asked') source.state = 'slow'
    },
    outcome,
    have: () => have.size,
    restoring: () => restoring,
  }
}

function newSource(): Source {
  return { state: 'idle', pending: new Set(), asked: new Set() }
}
