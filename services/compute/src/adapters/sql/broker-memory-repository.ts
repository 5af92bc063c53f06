import type { Hex } from '@zerog/primitives'
import { batchGone, claimTaken, fenced } from '../../app/broker/errors.ts'
import type { Batch, BatchUser, BrokerRepository, Carry, ReceiptRecord, StoredReceipt } from '../../app/broker/repository.ts'

type MutableBatch = { -readonly [Key in keyof Batch]: Batch[Key] } & { readonly blob: Uint8Array }

/** The repository in memory, for tests and simulation. */
export function memoryBrokerRepository(): BrokerRepository {
  /** By id and kind. */
  const receipts = new Map<string, StoredReceipt>()
  const carries = new Map<Hex, Carry>()
  const batches = new Map<bigint, MutableBatch>()
  let batchIdLast = 0n
  let tokenNewest = 0n
  let height: bigint | undefined

  const key = (id: string, kind: string) => `${kind} ${id}`
  const get = (id: string, kind: string) => receipts.get(key(id, kind))
  const put = (receipt: StoredReceipt) => receipts.set(key(receipt.id, receipt.kind), receipt)
  const ofUser = (user: Hex) => [...receipts.values()].filter((stored) => stored.receipt.user === user)
  const open = () => [...batches.values()].find((batch) => batch.state !== 'settled')
  const checkToken = (token: bigint) => {
    if (token < tokenNewest) throw fenced(token, tokenNewest)
    tokenNewest = token
  }
  const openById = (batchId: bigint): MutableBatch => {
    const batch = batches.get(batchId)
    if (batch === undefined || batch.state === 'settled') throw batchGone(batchId)
    return batch
  }
  const shown = ({ blob: _blob, ...batch }: MutableBatch): Batch => batch

  function insert(record: ReceiptRecord): void {
    const present = get(record.id, record.kind)
    if (present !== undefined && (record.kind === 'final' || present.state !== 'pending')) return
    put({ ...record, state: 'pending', batch: undefined })
    const checkpoint = record.kind === 'final' ? get(record.id, 'checkpoint') : undefined
    // They expire together, so that never both count.
    if (checkpoint?.state === 'pending') put({ ...checkpoint, deadlineMs: record.deadlineMs })
  }

  function acknowledge(id: string): boolean {
    const final = get(id, 'final')
    const checkpoint = get(id, 'checkpoint')
    if (final?.state !== 'pending' || (checkpoint !== undefined && checkpoint.state !== 'pending')) return false
    put({ ...final, state: 'billable' })
    receipts.delete(key(id, 'checkpoint'))
    return true
  }

  function cut(id: string): void {
    const final = get(id, 'final')
    if (final?.state === 'pending') put({ ...final, state: 'void' })
    const checkpoint = get(id, 'checkpoint')
    if (checkpoint?.state === 'pending') put({ ...checkpoint, state: 'billable' })
  }

  return {
    async appendReceipts(records) {
      for (const record of records) insert(record)
    },
    async changeReceipts({ acknowledged, cut: cutIds }) {
      const accepted = new Set(acknowledged.filter(acknowledge))
      for (const id of cutIds) cut(id)
      return { acknowledged: accepted }
    },
    async keepAlive(ids, deadlineMs) {
      for (const id of ids) {
        for (const kind of ['checkpoint', 'final']) {
          const present = get(id, kind)
          if (present?.state === 'pending') put({ ...present, deadlineMs })
        }
      }
    },
    async expire(nowMs) {
      const late = [...receipts.values()].filter((stored) => stored.state === 'pending' && stored.deadlineMs <= nowMs)
      for (const { id } of late) cut(id)
      return [...new Set(late.map((stored) => stored.receipt.user))]
    },
    async receipt(id) {
      const rank = { batched: 0, billable: 0, pending: 1, void: 2 }
      const found = [get(id, 'final'), get(id, 'checkpoint')].filter((stored) => stored !== undefined)
      return found.sort((a, b) => rank[a.state] - rank[b.state])[0]
    },
    async unsettled(user) {
      const dearest = new Map<string, bigint>()
      for (const { id, state, receipt } of ofUser(user)) {
        if (state !== 'pending' && state !== 'billable') continue
        if (receipt.fee > (dearest.get(id) ?? -1n)) dearest.set(id, receipt.fee)
      }
      const loose = [...dearest.values()].reduce((sum, fee) => sum + fee, 0n)
      const batched = [...batches.values()]
        .flatMap((batch) => batch.users)
        .filter((entry) => entry.user === user && entry.outcome === undefined)
        .reduce((sum, entry) => sum + entry.sum, 0n)
      return loose + batched + (carries.get(user)?.amount ?? 0n)
    },
    async unacknowledgedCount(user, sinceMs) {
      return ofUser(user).filter(
        ({ kind, acknowledgement, state, receipt }) =>
          kind === 'final' && acknowledgement === 'signed' && state === 'void' && receipt.finishedAt >= BigInt(sinceMs),
      ).length
    },

    async billableUsers(limit) {
      const users = new Map<Hex, { amount: bigint; receiptCount: number; oldestMs: number }>()
      for (const { state, receipt } of receipts.values()) {
        if (state !== 'billable') continue
        const entry = users.get(receipt.user) ?? { amount: 0n, receiptCount: 0, oldestMs: Number.MAX_SAFE_INTEGER }
        entry.amount += receipt.fee
        entry.receiptCount++
        entry.oldestMs = Math.min(entry.oldestMs, Number(receipt.finishedAt))
        users.set(receipt.user, entry)
      }
      for (const { user, amount } of carries.values()) {
        const entry = users.get(user) ?? { amount: 0n, receiptCount: 0, oldestMs: 0 }
        users.set(user, { ...entry, amount: entry.amount + amount, oldestMs: 0 })
      }
      return [...users]
        .map(([user, entry]) => ({ user, ...entry }))
        .sort((a, b) => a.oldestMs - b.oldestMs || (a.user < b.user ? -1 : 1))
        .slice(0, limit)
    },
    async billable(user, limit) {
      return ofUser(user)
        .filter((stored) => stored.state === 'billable')
        .map(({ id, kind, receiptHash, salt, receipt: { fee, nonce } }) => ({ id, kind, receiptHash, salt, fee, nonce }))
        .sort((a, b) => (a.nonce < b.nonce ? -1 : 1))
        .slice(0, limit)
    },
    carry: async (user) => carries.get(user),
    async createBatch({ root, blob, createdAtMs, users }, token) {
      checkToken(token)
      if (open() !== undefined) throw claimTaken('the open batch')
      for (const { user, carry, receiptIds } of users) {
        const present = carries.get(user)
        if (present?.requestsHash !== carry?.requestsHash || present?.amount !== carry?.amount) throw claimTaken('a carry')
        for (const id of receiptIds) if (billableOf(id) === undefined) throw claimTaken('a receipt')
      }
      const batchId = ++batchIdLast
      for (const { user, carry, receiptIds } of users) {
        carries.delete(user)
        for (const [index, id] of receiptIds.entries()) {
          const stored = billableOf(id) as StoredReceipt // checked above
          put({ ...stored, state: 'batched', batch: { batchId, leafIndex: index + (carry === undefined ? 0 : 1) } })
        }
      }
      const batch: MutableBatch = {
        batchId,
        state: 'built',
        root,
        createdAtMs,
        // What needs no settlement has its outcome from the start.
        users: users.map(({ receiptIds: _ids, ...user }) => ({
          ...user,
          outcome: user.sum === 0n ? { status: 0, unpaid: 0n } : undefined,
        })),
        publication: undefined,
        transactions: { anchor: undefined, settle: undefined },
        blob,
      }
      batches.set(batchId, batch)
      return shown(batch)
    },
    async openBatch() {
      const batch = open()
      return batch && shown(batch)
    },
    async batch(batchId) {
      const batch = batches.get(batchId)
      return batch && shown(batch)
    },
    batchBlob: async (batchId) => batches.get(batchId)?.blob,
    async recordPublication(batchId, publication, token) {
      checkToken(token)
      openById(batchId).publication = publication
    },
    async recordTransaction(batchId, step, transaction, token) {
      checkToken(token)
      const batch = openById(batchId)
      batch.transactions = { ...batch.transactions, [step]: transaction }
    },
    async beginSettling(batchId) {
      const batch = batches.get(batchId)
      if (batch?.state !== 'built') return
      batch.state = batch.users.every(({ outcome }) => outcome !== undefined) ? 'settled' : 'settling'
    },
    async recordOutcomes(batchId, outcomes) {
      const batch = batches.get(batchId)
      if (batch === undefined || batch.state === 'settled') return
      batch.users = batch.users.map((entry) => {
        const outcome = entry.outcome === undefined ? outcomes.get(entry.user) : undefined
        if (outcome === undefined) return entry
        if (outcome.unpaid > 0n) addCarry(entry, outcome.unpaid)
        return { ...entry, outcome }
      })
      if (batch.users.every(({ outcome }) => outcome !== undefined)) batch.state = 'settled'
    },
    async batchOfTransaction(hash) {
      const found = [...batches.values()].find(
        ({ transactions }) => transactions.anchor?.hash === hash || transactions.settle?.hash === hash,
      )
      return found && shown(found)
    },

    height: async () => height,
    async recordHeight(next) {
      if (height === undefined || next > height) height = next
    },
    async totals() {
      const sum = (values: readonly bigint[]) => values.reduce((total, value) => total + value, 0n)
      const entries = [...batches.values()].flatMap((batch) => batch.users)
      return {
        billable: sum([...receipts.values()].filter(({ state }) => state === 'billable').map(({ receipt }) => receipt.fee)),
        inBatches: sum(entries.filter(({ outcome }) => outcome === undefined).map((entry) => entry.sum)),
        paid: sum(entries.map(({ sum: claimed, outcome }) => (outcome === undefined ? 0n : claimed - outcome.unpaid))),
        carried: sum([...carries.values()].map(({ amount }) => amount)),
      }
    },
    async prune(beforeMs, limit) {
      const old = [...receipts.values()].filter(({ state, receipt, batch }) => {
        if (state === 'void') return receipt.finishedAt < BigInt(beforeMs)
        const settled = batch === undefined ? undefined : batches.get(batch.batchId)
        return settled?.state === 'settled' && settled.createdAtMs < beforeMs
      })
      for (const { id, kind } of old.slice(0, limit)) receipts.delete(key(id, kind))
      return Math.min(old.length, limit)
    },
  }

  function billableOf(id: string): StoredReceipt | undefined {
    return [get(id, 'final'), get(id, 'checkpoint')].find((stored) => stored?.state === 'billable')
  }

  function addCarry({ user, requestsHash }: BatchUser, amount: bigint): void {
    carries.set(user, { user, requestsHash, amount })
  }
}
