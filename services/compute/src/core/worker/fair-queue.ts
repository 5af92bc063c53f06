import { assert } from '@zerog/primitives'

/**
 * Deficit round robin over accounts, counted in tokens (Shreedhar, Varghese: Efficient Fair Queueing Using Deficit Round Robin,
 * 1995). Whoever asks for much waits for its own requests, not for those of others; an account that was idle saves nothing up.
 */
export type FairQueue<Item> = {
  /** Tokens that the item will take at most. `full`: the queue or the account's part of it has no room. */
  push(account: string, tokens: number, item: Item): 'queued' | 'full' | 'account_full'
  /** The next item in fair order. */
  shift(): Item | undefined
  /** Takes out what waits no more. */
  remove(account: string, item: Item): boolean
  /** Gives back what an item did not use of its tokens while its account still waits. */
  refund(account: string, tokens: number): void
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
  deficit: number /** It got its quantum in this turn. */
  granted: boolean
  readonly items: Waiting<Item>[]
}

export function createFairQueue<Item>(options: FairQueueOptions): FairQueue<Item> {
  const { itemsMax, itemsPerAccountMax, quantumTokens } = options
  assert(quantumTokens > 0, 'a quantum of no tokens would never let anybody through')
  const byName = new Map<string, Account<Item>>()
  let turns: Account<Item>[] = []
  let length = 0

  function drop(account: Account<Item>): void {
    byName.delete(account.name)
    turns = turns.filter((other) => other !== account)
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
      let account = byName.get(name)
      if (account !== undefined && account.items.length >= itemsPerAccountMax) return 'account_full'
      if (account === undefined) {
        account = { name, deficit: 0, granted: false, items: [] }
        byName.set(name, account)
        turns.push(account)
      }
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
          length--
          if (account.items.length === 0) drop(account)
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
      if (account.items.length === 0) drop(account)
      return true
    },
    refund(name, tokens) {
      const account = byName.get(name)
      if (account !== undefined && tokens > 0) account.deficit += tokens
    },
    get length() {
      return length
    },
    get accountCount() {
      return byName.size
    },
  }
}
