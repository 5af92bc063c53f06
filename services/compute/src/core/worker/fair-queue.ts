import { assert } from '@zerog/primitives'

/**
 * Deficit round robin over accounts, counted in tokens (Shreedhar, Varghese: Efficient Fair Queueing Using Deficit Round Robin,
 * 1995). What an answer will take is not known when it starts, so an item costs its prompt then and the rest is charged as it is
 * produced: a deficit may be below zero. An account that has nothing waiting and nothing running saves nothing up and owes nothing.
 */
export type FairQueue<Item> = {
  /** `tokens`: what it costs to start. `full`: the queue or the account's part of it has no room. */
  push(account: string, tokens: number, item: Item): 'queued' | 'full' | 'account_full'
  /** The next item in fair order. It counts as running until `done`. */
  shift(): Item | undefined
  /** Starts an item that need not wait. */
  start(account: string, tokens: number): void
  /** Tokens that a running item took beyond its start. */
  charge(account: string, tokens: number): void
  /** A running item ended. */
  done(account: string): void
  /** Takes out what waits no more. */
  remove(account: string, item: Item): boolean
  readonly length: number
  readonly accountCount: number
}

export type FairQueueOptions = {
  readonly itemsMax: number
  readonly itemsPerAccountMax: number
  /** Tokens that an account may take per round. */
  readonly quantumTokens: number
}

type Waiting<Item> = { readonly tokens: number; readonly item: Item }
type Account<Item> = {
  readonly name: string
  deficit: number
  /** It got its quantum in this turn. */
  granted: boolean
  running: number
  readonly items: Waiting<Item>[]
}

export function createFairQueue<Item>(options: FairQueueOptions): FairQueue<Item> {
  const { itemsMax, itemsPerAccountMax, quantumTokens } = options
  assert(quantumTokens > 0, 'a quantum of no tokens would never let anybody through')
  const byName = new Map<string, Account<Item>>()
  let turns: Account<Item>[] = []
  let length = 0

  function accountOf(name: string): Account<Item> {
    let account = byName.get(name)
    if (account === undefined) {
      account = { name, deficit: 0, granted: false, running: 0, items: [] }
      byName.set(name, account)
    }
    return account
  }

  /** An account without waiting items has no turn; without running ones either it is forgotten. */
  function settle(account: Account<Item>): void {
    if (account.items.length > 0) return
    turns = turns.filter((other) => other !== account)
    account.granted = false
    if (account.running === 0) byName.delete(account.name)
  }

  /** As many whole rounds as nobody could use, at once: the loop in `shift` then needs at most one more. */
  function skipIdleRounds(): void {
    let rounds = Number.POSITIVE_INFINITY
    for (const { deficit, items } of turns) {
      const missing = (items[0]?.tokens ?? 0) - deficit
      rounds = Math.min(rounds, Math.ceil(missing / quantumTokens) - 1)
    }
    if (rounds <= 0 || !Number.isFinite(rounds)) return
    for (const account of turns) account.deficit += rounds * quantumTokens
  }

  return {
    push(name, tokens, item) {
      if (length >= itemsMax) return 'full'
      const account = accountOf(name)
      if (account.items.length >= itemsPerAccountMax) return 'account_full'
      if (account.items.length === 0) turns.push(account)
      account.items.push({ tokens: Math.max(1, tokens), item })
      length++
      return 'queued'
    },
    shift() {
      if (turns.length === 0) return undefined
      skipIdleRounds()
      // Ends: every pass over all raises all deficits, and after `skipIdleRounds` two passes are enough for somebody.
      for (;;) {
        const account = turns[0]
        const first = account?.items[0]
        assert(account !== undefined && first !== undefined, 'an account in turn has something waiting')
        if (account.deficit >= first.tokens) {
          account.deficit -= first.tokens
          account.items.shift()
          account.running++
          length--
          settle(account)
          return first.item
        }
        if (!account.granted) {
          account.granted = true
          account.deficit += quantumTokens
          continue
        }
        account.granted = false
        turns.push(turns.shift() as Account<Item>)
      }
    },
    remove(name, item) {
      const account = byName.get(name)
      const index = account?.items.findIndex((waiting) => waiting.item === item) ?? -1
      if (account === undefined || index < 0) return false
      account.items.splice(index, 1)
      length--
      settle(account)
      return true
    },
    start(name, tokens) {
      const account = accountOf(name)
      account.deficit -= Math.max(1, tokens)
      account.running++
    },
    charge(name, tokens) {
      const account = byName.get(name)
      assert(account !== undefined && account.running > 0, 'only what runs is charged')
      account.deficit -= tokens
    },
    done(name) {
      const account = byName.get(name)
      assert(account !== undefined && account.running > 0, 'only what runs can end')
      account.running--
      settle(account)
    },
    get length() {
      return length
    },
    get accountCount() {
      return byName.size
    },
  }
}
