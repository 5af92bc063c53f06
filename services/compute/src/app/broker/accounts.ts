import type { Clock } from '@zerog/ports'
import { type Hex, ZerogError } from '@zerog/primitives'
import { missingFunds } from '../../core/billing/gate.ts'
import type { ProviderAccount } from './ports.ts'

/** What a running request holds of its user's money. */
export type Reservation = {
  /** Replaces the reserved amount by what is owed for sure now (0n: nothing). Only the first call counts. */
  release(owed: bigint): void
  /** Throws INSUFFICIENT_FUNDS where a block took away since what was reserved. */
  confirm(): Promise<void>
}

export type Accounts = {
  /** The user's account as of the last applied block; undefined where there is none. */
  account(user: Hex): Promise<ProviderAccount | undefined>
  /** Whether the account is at hand without asking anybody. */
  known(user: Hex): boolean
  /** Throws INSUFFICIENT_FUNDS where the account cannot pay this on top of everything that runs and is unsettled. */
  reserve(user: Hex, feeMax: bigint): Promise<Reservation>
  unsettled(user: Hex): Promise<bigint>
  /** Answers of late that the user promised to acknowledge and did not. */
  unacknowledged(user: Hex): Promise<number>
  /** Reads again before the next answer: a block or a deadline changed something. */
  changed(user: Hex): void
  reservedWei(): bigint
}

type Facts = { readonly account: ProviderAccount | undefined; readonly unsettled: bigint; readonly unacknowledged: number }
type Entry = {
  facts: Facts | undefined
  reserved: bigint
  readAtMs: number
  version: number
  reading: Promise<Facts> | undefined
}

/**
 * Money of users as this process knows it. Facts of chain and database are kept until an event says that they changed, and not longer
 * than `factsMs`, so that brokers that share a provider see each other's fees; the 1 0G that every account keeps back covers the gap.
 */
export function createAccounts(
  options: { readonly factsMs: number; readonly accountsMax: number },
  deps: {
    readonly read: (user: Hex) => Promise<ProviderAccount | undefined>
    readonly unsettled: (user: Hex) => Promise<bigint>
    readonly unacknowledged: (user: Hex) => Promise<number>
    readonly clock: Clock
  },
): Accounts {
  const entries = new Map<Hex, Entry>()

  function entryOf(user: Hex): Entry {
    const present = entries.get(user)
    if (present !== undefined) {
      // Last in the map: used last.
      entries.delete(user)
      entries.set(user, present)
      return present
    }
    makeRoom()
    const entry: Entry = { facts: undefined, reserved: 0n, readAtMs: 0, version: 0, reading: undefined }
    entries.set(user, entry)
    return entry
  }

  function makeRoom(): void {
    for (const [user, entry] of entries) {
      if (entries.size < options.accountsMax) return
      if (entry.reserved === 0n && entry.reading === undefined) entries.delete(user)
    }
  }

  async function factsOf(user: Hex, entry: Entry): Promise<Facts> {
    const { facts } = entry
    if (facts !== undefined && deps.clock.monotonicMs() - entry.readAtMs < options.factsMs) return facts
    entry.reading ??= read(user, entry).finally(() => {
      entry.reading = undefined
    })
    return entry.reading
  }

  /** Reads until nothing changed meanwhile: what is returned holds for every event before the end of the call. */
  async function read(user: Hex, entry: Entry): Promise<Facts> {
    for (;;) {
      const { version } = entry
      const startedMs = deps.clock.monotonicMs()
      const [account, unsettled, unacknowledged] = await Promise.all([
        deps.read(user),
        deps.unsettled(user),
        deps.unacknowledged(user),
      ])
      const facts = { account, unsettled, unacknowledged }
      if (entry.version !== version) continue
      entry.facts = facts
      entry.readAtMs = startedMs
      return facts
    }
  }

  return {
    async account(user) {
      return (await factsOf(user, entryOf(user))).account
    },
    known: (user) => entries.get(user)?.facts?.account !== undefined,
    async reserve(user, feeMax) {
      const entry = entryOf(user)
      const { account, unsettled } = await factsOf(user, entry)
      const locked = account === undefined ? 0n : account.balance - account.pendingRefund
      const missing = missingFunds({ locked, unsettled, reserved: entry.reserved }, feeMax)
      if (missing > 0n) throw insufficient({ locked, unsettled: unsettled + entry.reserved, feeMax, missing })
      // No await since the check: nobody reserved in between.
      entry.reserved += feeMax
      let released = false
      return {
        async confirm() {
          const now = await factsOf(user, entry)
          const locked = now.account === undefined ? 0n : now.account.balance - now.account.pendingRefund
          // What is reserved includes this request.
          const missing = missingFunds({ locked, unsettled: now.unsettled, reserved: entry.reserved }, 0n)
          if (missing > 0n) throw insufficient({ locked, unsettled: now.unsettled + entry.reserved, feeMax, missing })
        },
        release(owed) {
          if (released) return
          released = true
          entry.reserved -= feeMax
          // A read that runs may or may not have seen the receipt: counted here too, it is at worst too much until the next read.
          if (entry.facts !== undefined) entry.facts = { ...entry.facts, unsettled: entry.facts.unsettled + owed }
        },
      }
    },
    async unsettled(user) {
      return (await factsOf(user, entryOf(user))).unsettled
    },
    async unacknowledged(user) {
      return (await factsOf(user, entryOf(user))).unacknowledged
    },
    changed(user) {
      const entry = entries.get(user)
      if (entry === undefined) return
      entry.facts = undefined
      entry.version++
    },
    reservedWei() {
      let sum = 0n
      for (const { reserved } of entries.values()) sum += reserved
      return sum
    },
  }
}

function insufficient(of: {
  readonly locked: bigint
  readonly unsettled: bigint
  readonly feeMax: bigint
  readonly missing: bigint
}): ZerogError {
  return new ZerogError('INSUFFICIENT_FUNDS', {
    message: `insufficient balance: locked ${of.locked} neuron, unsettled ${of.unsettled}, this request at most ${of.feeMax}, and 1 0G stays locked; transfer at least ${of.missing} neuron to this provider`,
    metadata: { locked: String(of.locked), unsettled: String(of.unsettled), missing: String(of.missing) },
  })
}
