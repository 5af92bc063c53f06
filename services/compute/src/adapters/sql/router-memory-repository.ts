import type { Hex } from '@zerog/primitives'
import type { RouterRepository, Spend, StoredAnswer, VirtualKey } from '../../app/router/ports.ts'

type Kept = { fingerprint: Hex; holder: string; expiresAtMs: number; answer: StoredAnswer | undefined }
type Writable<T> = { -readonly [Name in keyof T]: T[Name] }

/** The router's books in memory, for tests and benches: the same rules, nothing durable. */
export function memoryRouterRepository(): RouterRepository {
  const keys = new Map<Hex, Writable<VirtualKey>>()
  const grants = new Map<string, bigint>()
  const spends = new Map<string, Writable<Spend>>()
  const answers = new Map<string, Kept>()
  const keyById = (id: string) => [...keys.values()].find((key) => key.id === id)
  const spendId = ({ answerId, provider }: Pick<Spend, 'answerId' | 'provider'>) => `${answerId} ${provider}`
  const byTime = () => [...spends.values()].sort((a, b) => a.atMs - b.atMs)

  return {
    async createKey({ digest, ...key }) {
      if (!keys.has(digest)) keys.set(digest, { ...key, spent: 0n, revoked: false })
    },
    async keyByDigest(digest) {
      const key = keys.get(digest)
      return key === undefined ? undefined : { ...key }
    },
    keys: async (limit) => [...keys.values()].slice(0, limit).map((key) => ({ ...key })),
    async updateKey(id, { budget, revoked }) {
      const key = keyById(id)
      if (key === undefined) return false
      if (budget !== undefined) key.budget = budget
      if (revoked !== undefined) key.revoked = revoked
      return true
    },
    async grant({ keyId, holder, wanted, atLeast }) {
      const key = keyById(keyId)
      if (key === undefined || key.budget === null || key.revoked) return 0n
      let remaining = key.budget - key.spent
      for (const [name, amount] of grants) if (name.startsWith(`${keyId} `)) remaining -= amount
      const amount = remaining > wanted ? wanted : remaining > 0n ? remaining : 0n
      if (amount < atLeast) return 0n
      const name = `${keyId} ${holder}`
      grants.set(name, (grants.get(name) ?? 0n) + amount)
      return amount
    },
    async releaseGrants(holder) {
      for (const name of [...grants.keys()]) if (name.endsWith(` ${holder}`)) grants.delete(name)
    },
    async write(holder, entries) {
      for (const spend of entries.opened) if (!spends.has(spendId(spend))) spends.set(spendId(spend), { ...spend })
      for (const spend of entries.spent) {
        const known = spends.get(spendId(spend))
        if (known !== undefined && known.state !== 'open') continue
        spends.set(spendId(spend), { ...spend, atMs: known?.atMs ?? spend.atMs })
        const key = keyById(spend.keyId)
        if (key !== undefined) key.spent += spend.cost
        const name = `${spend.keyId} ${holder}`
        const granted = grants.get(name)
        if (granted !== undefined) grants.set(name, granted > spend.cost ? granted - spend.cost : 0n)
      }
      for (const { state, ...id } of entries.outcomes) {
        const spend = spends.get(spendId(id))
        if (spend === undefined || (spend.state !== 'open' && spend.state !== 'signed')) continue
        spend.state = state
        const key = keyById(spend.keyId)
        if (state === 'void' && key !== undefined) key.spent -= spend.cost
      }
      for (const { keyId, idempotencyKey, answer } of entries.answers) {
        const kept = answers.get(`${keyId} ${idempotencyKey}`)
        if (kept !== undefined) kept.answer = answer
      }
    },
    unfinished: async (limit) =>
      byTime()
        .filter(({ state }) => state === 'open' || state === 'signed')
        .slice(0, limit),
    spends: async ({ keyId, limit }) =>
      byTime()
        .reverse()
        .filter((spend) => keyId === undefined || spend.keyId === keyId)
        .slice(0, limit),
    spend: async (answerId) => [...spends.values()].find((spend) => spend.answerId === answerId),
    async totals() {
      const totals = new Map<string, { provider: Hex; state: Spend['state']; cost: bigint; count: number }>()
      for (const { provider, state, cost } of spends.values()) {
        const name = `${provider} ${state}`
        const total = totals.get(name) ?? { provider, state, cost: 0n, count: 0 }
        totals.set(name, { ...total, cost: total.cost + cost, count: total.count + 1 })
      }
      return [...totals].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, total]) => total)
    },
    async claimIdempotency({ keyId, idempotencyKey, fingerprint, holder, nowMs, expiresAtMs }) {
      const name = `${keyId} ${idempotencyKey}`
      const kept = answers.get(name)
      if (kept === undefined || kept.expiresAtMs <= nowMs) {
        answers.set(name, { fingerprint, holder, expiresAtMs, answer: undefined })
        return { kind: 'new' }
      }
      if (kept.fingerprint !== fingerprint) return { kind: 'other_request' }
      return kept.answer === undefined ? { kind: 'running' } : { kind: 'stored', answer: kept.answer }
    },
    async dropIdempotency(keyId, idempotencyKey) {
      const name = `${keyId} ${idempotencyKey}`
      if (answers.get(name)?.answer === undefined) answers.delete(name)
    },
    async cleanIdempotency({ holder, nowMs }) {
      for (const [name, kept] of answers) {
        if (kept.expiresAtMs <= nowMs || (kept.answer === undefined && kept.holder === holder)) answers.delete(name)
      }
    },
  }
}
