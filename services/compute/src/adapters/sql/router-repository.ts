import type { Sql, SqlSession } from '@zerog/ports'
import { fromHex, toHex, ZerogError } from '@zerog/primitives'
import type { JournalEntries, RouterRepository, Spend, SpendState, VirtualKey } from '../../app/router/ports.ts'
import { idempotencyQueries } from './router-idempotency-queries.ts'
import { ROUTER_MIGRATIONS, ROUTER_SCHEMA } from './router-migrations.ts'

/** The router's books in PostgreSQL. */
export async function sqlRouterRepository(sql: Sql): Promise<RouterRepository> {
  await sql.migrate({ schema: ROUTER_SCHEMA, migrations: ROUTER_MIGRATIONS })
  return { ...keyQueries(sql), ...spendQueries(sql), ...idempotencyQueries(sql) }
}

type KeyRow = {
  key_id: string
  name: string
  shown: string
  budget: string | null
  spent: string
  requests_per_minute: bigint | null
  tokens_per_minute: bigint | null
  revoked: boolean
  created_at_ms: bigint
}
const KEY_COLUMNS =
  'key_id, name, shown, budget::text, spent::text, requests_per_minute, tokens_per_minute, revoked, created_at_ms'

type KeyMethods = 'createKey' | 'keyByDigest' | 'keys' | 'updateKey' | 'grant' | 'releaseGrants'

function keyQueries(sql: Sql): Pick<RouterRepository, KeyMethods> {
  return {
    async createKey(key) {
      const { requestsPerMinute, tokensPerMinute } = key.limits
      await sql.query(
        `INSERT INTO compute_router.keys
         (key_id, digest, name, shown, budget, requests_per_minute, tokens_per_minute, created_at_ms)
         VALUES ($1, $2, $3, $4, $5::numeric, $6, $7, $8) ON CONFLICT (digest) DO NOTHING`,
        [
          key.id,
          fromHex(key.digest, 32),
          key.name,
          key.shown,
          key.budget === null ? null : String(key.budget),
          requestsPerMinute ?? null,
          tokensPerMinute ?? null,
          key.createdAtMs,
        ],
      )
    },
    async keyByDigest(digest) {
      const rows = await sql.query<KeyRow>(`SELECT ${KEY_COLUMNS} FROM compute_router.keys WHERE digest = $1`, [
        fromHex(digest, 32),
      ])
      return rows[0] === undefined ? undefined : toKey(rows[0])
    },
    async keys(limit) {
      const rows = await sql.query<KeyRow>(
        `SELECT ${KEY_COLUMNS} FROM compute_router.keys ORDER BY created_at_ms, key_id LIMIT $1`,
        [limit],
      )
      return rows.map(toKey)
    },
    async updateKey(id, { budget, revoked }) {
      const rows = await sql.query(
        `UPDATE compute_router.keys SET budget = CASE WHEN $2 THEN $3::numeric ELSE budget END, revoked = coalesce($4, revoked)
         WHERE key_id = $1 RETURNING key_id`,
        [id, budget !== undefined, budget === undefined || budget === null ? null : String(budget), revoked ?? null],
      )
      return rows.length === 1
    },
    grant: ({ keyId, holder, wanted, atLeast }) =>
      sql.transaction(async (session) => {
        // The row of the key orders all holders that ask for a part of it.
        const keys = await session.query<{ remaining: string | null }>(
          `SELECT (budget - spent - coalesce((SELECT sum(amount) FROM compute_router.grants WHERE key_id = $1), 0))::text AS remaining
           FROM (SELECT budget, spent FROM compute_router.keys WHERE key_id = $1 AND NOT revoked FOR UPDATE) AS held`,
          [keyId],
        )
        const remaining = BigInt(keys[0]?.remaining ?? '0')
        const amount = remaining < wanted ? remaining : wanted
        if (amount < atLeast || amount <= 0n) return 0n
        await session.query(
          `INSERT INTO compute_router.grants (key_id, holder, amount) VALUES ($1, $2, $3::numeric)
           ON CONFLICT (key_id, holder) DO UPDATE SET amount = grants.amount + excluded.amount`,
          [keyId, holder, String(amount)],
        )
        return amount
      }),
    async releaseGrants(holder) {
      await sql.query('DELETE FROM compute_router.grants WHERE holder = $1', [holder])
    },
  }
}

/** These run with every answer: planning them costs the database more than running them. */
const PREPARED = { prepared: true }

type SpendRow = {
  provider: Uint8Array
  answer_id: string
  key_id: string
  model: string
  state: SpendState
  cost: string
  prompt_tokens: bigint
  completion_tokens: bigint
  receipt: Uint8Array
  at_ms: bigint
}
const SPEND_COLUMNS = 'provider, answer_id, key_id, model, state, cost::text, prompt_tokens, completion_tokens, receipt, at_ms'

type SpendMethods = 'write' | 'unfinished' | 'spends' | 'spend' | 'totals'

function spendQueries(sql: Sql): Pick<RouterRepository, SpendMethods> {
  return {
    async write(holder, { opened, spent, outcomes, answers }) {
      // An answer whose cost is known needs no entry that says it is not.
      const spends = [...new Map([...opened, ...spent.toReversed()].map((spend) => [idOf(spend), spend])).values()]
      const entered = new Set(spends.map(idOf))
      const inTransaction = () =>
        sql.transaction(async (session) => {
          await change(session, holder, { spends, outcomes: [] })
          await change(session, holder, { spends: [], outcomes })
          await keepAnswers(session, answers)
        })
      // One statement sees no row that it writes itself.
      if (answers.length > 0 || outcomes.some((outcome) => entered.has(idOf(outcome)))) return inTransaction()
      // It is a transaction of its own; asking for one would cost three more round trips. What met others is tried again by the port.
      await change(sql, holder, { spends, outcomes }).catch((error: unknown) => {
        if (error instanceof ZerogError) throw error
        return inTransaction()
      })
    },
    async unfinished(limit) {
      const rows = await sql.query<SpendRow>(
        `SELECT ${SPEND_COLUMNS} FROM compute_router.spends WHERE state IN ('open', 'signed') ORDER BY at_ms LIMIT $1`,
        [limit],
      )
      return rows.map(toSpend)
    },
    async spends({ keyId, limit }) {
      const rows = await sql.query<SpendRow>(
        `SELECT ${SPEND_COLUMNS} FROM compute_router.spends WHERE $1::text IS NULL OR key_id = $1
         ORDER BY at_ms DESC, answer_id LIMIT $2`,
        [keyId ?? null, limit],
      )
      return rows.map(toSpend)
    },
    async spend(answerId) {
      const rows = await sql.query<SpendRow>(`SELECT ${SPEND_COLUMNS} FROM compute_router.spends WHERE answer_id = $1 LIMIT 1`, [
        answerId,
      ])
      return rows[0] === undefined ? undefined : toSpend(rows[0])
    },
    async totals() {
      const rows = await sql.query<{ provider: Uint8Array; state: SpendState; cost: string; count: bigint }>(
        `SELECT provider, state, sum(cost)::text AS cost, count(*) AS count FROM compute_router.spends
         GROUP BY provider, state ORDER BY provider, state`,
      )
      return rows.map((row) => ({
        provider: toHex(row.provider),
        state: row.state,
        cost: BigInt(row.cost),
        count: Number(row.count),
      }))
    },
  }
}

function idOf({ answerId, provider }: Pick<Spend, 'answerId' | 'provider'>): string {
  return `${answerId} ${provider}`
}

/**
 * Counts each answer once: what is written again after a lost answer of the database changes nothing. A void answer gives its key the
 * money back, once. No answer is in both lists.
 */
async function change(
  session: SqlSession,
  holder: string,
  { spends, outcomes }: { readonly spends: readonly Spend[]; readonly outcomes: JournalEntries['outcomes'] },
): Promise<void> {
  if (spends.length === 0 && outcomes.length === 0) return
  await session.query(
    CHANGE,
    [
      spends.map(({ provider }) => fromHex(provider, 20)),
      spends.map(({ answerId }) => answerId),
      spends.map(({ keyId }) => keyId),
      spends.map(({ model }) => model),
      spends.map(({ state }) => state),
      spends.map(({ cost }) => String(cost)),
      spends.map(({ promptTokens }) => promptTokens),
      spends.map(({ completionTokens }) => completionTokens),
      spends.map(({ receipt }) => receipt),
      spends.map(({ atMs }) => atMs),
      outcomes.map(({ answerId }) => answerId),
      outcomes.map(({ provider }) => fromHex(provider, 20)),
      outcomes.map(({ state }) => state),
      holder,
    ],
    PREPARED,
  )
}

/** What a row of a key gains and loses meets in one update: a second one of the same statement would be lost. */
const CHANGE = `
  WITH entered AS (
    INSERT INTO compute_router.spends AS spends
    (provider, answer_id, key_id, model, state, cost, prompt_tokens, completion_tokens, receipt, at_ms)
    SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::numeric[], $7::int8[], $8::int8[], $9::bytea[], $10::int8[])
    ON CONFLICT (answer_id, provider) DO UPDATE SET state = excluded.state, cost = excluded.cost,
      prompt_tokens = excluded.prompt_tokens, completion_tokens = excluded.completion_tokens, receipt = excluded.receipt
      WHERE spends.state = 'open' AND excluded.state <> 'open'
    RETURNING key_id, cost, state
  ), booked AS (SELECT key_id, sum(cost) AS cost FROM entered WHERE state <> 'open' GROUP BY key_id
  ), outcome AS (SELECT * FROM unnest($11::text[], $12::bytea[], $13::text[]) AS row (answer_id, provider, state)
  ), decided AS (
    UPDATE compute_router.spends s SET state = o.state FROM outcome o
    WHERE s.answer_id = o.answer_id AND s.provider = o.provider AND s.state IN ('open', 'signed')
    RETURNING s.key_id, s.cost, o.state
  ), reduced AS (
    UPDATE compute_router.grants g SET amount = greatest(0, g.amount - b.cost) FROM booked b
    WHERE g.key_id = b.key_id AND g.holder = $14 RETURNING 1
  ), changes AS (
    SELECT key_id, sum(cost) AS cost FROM (
      SELECT key_id, cost FROM booked UNION ALL SELECT key_id, -cost FROM decided WHERE state = 'void'
    ) AS each_change GROUP BY key_id
  )
  UPDATE compute_router.keys k SET spent = k.spent + c.cost FROM changes c WHERE k.key_id = c.key_id AND c.cost <> 0`

async function keepAnswers(session: SqlSession, answers: JournalEntries['answers']): Promise<void> {
  for (const { keyId, idempotencyKey, answer } of answers) {
    await session.query(
      'UPDATE compute_router.answers SET status = $3, headers = $4, body = $5 WHERE key_id = $1 AND idempotency_key = $2',
      [keyId, idempotencyKey, answer.status, JSON.stringify(answer.headers), answer.body],
    )
  }
}

function toKey(row: KeyRow): VirtualKey {
  const count = (value: bigint | null) => (value === null ? undefined : Number(value))
  return {
    id: row.key_id,
    name: row.name,
    shown: row.shown,
    budget: row.budget === null ? null : BigInt(row.budget),
    spent: BigInt(row.spent),
    limits: { requestsPerMinute: count(row.requests_per_minute), tokensPerMinute: count(row.tokens_per_minute) },
    revoked: row.revoked,
    createdAtMs: Number(row.created_at_ms),
  }
}

function toSpend(row: SpendRow): Spend {
  return {
    answerId: row.answer_id,
    provider: toHex(row.provider),
    keyId: row.key_id,
    model: row.model,
    state: row.state,
    cost: BigInt(row.cost),
    promptTokens: Number(row.prompt_tokens),
    completionTokens: Number(row.completion_tokens),
    receipt: row.receipt,
    atMs: Number(row.at_ms),
  }
}
