import { timingSafeEqual } from 'node:crypto'
import type { Clock, Random } from '@zerog/ports'
import { keccak256, toHex } from '@zerog/primitives'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Keys } from '../../../app/router/keys.ts'
import type { NewKey, RouterRepository, VirtualKey } from '../../../app/router/ports.ts'
import { badRequest, OpenAiError, unauthorized } from '../../../core/openai/errors.ts'
import {
  type JsonObject,
  optionalBoolean,
  optionalInteger,
  optionalString,
  parseJsonObject,
} from '../../../core/openai/fields.ts'
import { bearerOf, shownKey, virtualKeyDigest, virtualKeyText } from '../../../core/router/virtual-key.ts'

const KEYS_SHOWN_MAX = 10_000

/** Virtual keys, for whoever has the administrator's token: POST and GET /v1/zerog/keys, POST /v1/zerog/keys/:id. */
export function registerAdmin(
  app: FastifyInstance,
  options: { readonly token: string | null },
  deps: { readonly repository: RouterRepository; readonly keys: Keys; readonly clock: Clock; readonly random: Random },
): void {
  const { repository, keys, clock, random } = deps

  function requireAdmin(request: FastifyRequest): void {
    const given = bearerOf(request.headers.authorization)
    if (options.token === null)
      throw unauthorized('This router has no administrator token (adminToken); keys cannot be managed here.')
    if (given === undefined || !sameSecret(given, options.token)) throw unauthorized('Incorrect administrator token.')
  }

  app.post('/v1/zerog/keys', async (request, reply) => {
    requireAdmin(request)
    const fields = parseJsonObject(request.body as Uint8Array) // every body is bytes here
    const { text, record } = makeKey(readKey(fields), { nowMs: clock.nowMs(), random })
    await repository.createKey(record)
    return reply.code(201).send({ ...shown({ ...record, spent: 0n, revoked: false }), key: text })
  })
  app.get('/v1/zerog/keys', async (request) => {
    requireAdmin(request)
    return { data: (await repository.keys(KEYS_SHOWN_MAX)).map(shown) }
  })
  app.post<{ Params: { id: string } }>('/v1/zerog/keys/:id', async (request) => {
    requireAdmin(request)
    const fields = parseJsonObject(request.body as Uint8Array) // as above
    const revoked = optionalBoolean(fields, 'revoked')
    const budget = Object.hasOwn(fields, 'budget_wei') ? readBudget(fields) : undefined
    const change = { ...(revoked === undefined ? {} : { revoked }), ...(budget === undefined ? {} : { budget }) }
    if (!(await repository.updateKey(request.params.id, change))) {
      throw new OpenAiError({ status: 404, message: 'There is no such key.', code: 'key_not_found' })
    }
    keys.forget(request.params.id)
    return {
      id: request.params.id,
      ...('budget' in change ? { budget_wei: budget === null ? null : String(budget) } : {}),
      revoked,
    }
  })
  app.get('/v1/zerog/totals', async (request) => {
    requireAdmin(request)
    const totals = await repository.totals()
    return { data: totals.map(({ provider, state, cost, count }) => ({ provider, state, cost_wei: String(cost), count })) }
  })
}

export type KeyFields = Pick<NewKey, 'name' | 'budget' | 'limits'>

/** A new key: its text is shown once and never kept. */
export function makeKey(
  fields: KeyFields,
  deps: { readonly nowMs: number; readonly random: Random },
): { readonly text: string; readonly record: NewKey } {
  return keyRecord(virtualKeyText(deps.random.bytes(32)), fields, {
    nowMs: deps.nowMs,
    id: `key_${toHex(deps.random.bytes(8)).slice(2)}`,
  })
}

export function keyRecord(
  text: string,
  fields: KeyFields,
  of: { readonly nowMs: number; readonly id: string },
): { readonly text: string; readonly record: NewKey } {
  const digest = virtualKeyDigest(text)
  if (digest === undefined) throw badRequest('a key has the form sk-zerog- and 43 characters of base64url')
  return { text, record: { ...fields, id: of.id, shown: shownKey(text), digest, createdAtMs: of.nowMs } }
}

function readKey(fields: JsonObject): KeyFields {
  return {
    name: optionalString(fields, 'name', 128) ?? '',
    budget: readBudget(fields),
    limits: {
      requestsPerMinute: optionalInteger(fields, 'requests_per_minute', [1, 1_000_000_000]),
      tokensPerMinute: optionalInteger(fields, 'tokens_per_minute', [1, 1_000_000_000_000]),
    },
  }
}

function readBudget(fields: JsonObject): bigint | null {
  const text = optionalString(fields, 'budget_wei', 40)
  if (text === undefined) return null
  if (!/^\d{1,38}$/.test(text))
    throw badRequest("'budget_wei' must be a decimal number of wei as text.", 'budget_wei', 'invalid_value')
  return BigInt(text)
}

function shown(key: Omit<VirtualKey, never>) {
  return {
    id: key.id,
    name: key.name,
    shown: key.shown,
    budget_wei: key.budget === null ? null : String(key.budget),
    spent_wei: String(key.spent),
    requests_per_minute: key.limits.requestsPerMinute ?? null,
    tokens_per_minute: key.limits.tokensPerMinute ?? null,
    revoked: key.revoked,
    created: new Date(key.createdAtMs).toISOString(),
  }
}

/** Hashes have one length, so the time tells nothing about where two secrets differ. */
function sameSecret(a: string, b: string): boolean {
  const encoder = new TextEncoder()
  return timingSafeEqual(keccak256(encoder.encode(a)), keccak256(encoder.encode(b)))
}
