import type { Hex } from 'viem'
import type { Context } from '../client.ts'
import { type ComputeOptions, callRouter, readJson } from './api.ts'

export type ComputeModel = {
  readonly id: string
  readonly contextTokens: number | undefined
  /** wei per token, of the cheapest provider */
  readonly promptWei: bigint
  readonly completionWei: bigint
  readonly providers: readonly Hex[]
}

/** Models that some provider of the network runs. */
export async function listModels(context: Context, options: ComputeOptions): Promise<readonly ComputeModel[]> {
  const { data } = await readJson(await callRouter(context, { path: '/models' }, options))
  return data.map((model: any) => ({
    id: model.id,
    contextTokens: model.context_length,
    promptWei: BigInt(model.pricing.prompt_wei),
    completionWei: BigInt(model.pricing.completion_wei),
    providers: model.providers,
  }))
}

export type ComputeProvider = {
  readonly provider: Hex
  readonly url: string
  readonly signer: Hex
  readonly models: readonly string[]
  /** One of 0G's strings, or empty: answers are signed and nothing more. */
  readonly verifiability: string
  readonly additionalInfo: string
  readonly up: boolean
  readonly latencyMs: number | undefined
}

/** Providers as the chain registers them and the router sees them. */
export async function listProviders(context: Context, options: ComputeOptions): Promise<readonly ComputeProvider[]> {
  const { data } = await readJson(await callRouter(context, { path: '/zerog/providers' }, options))
  return data.map((entry: any) => ({
    provider: entry.provider,
    url: entry.url,
    signer: entry.signer,
    models: entry.models,
    verifiability: entry.verifiability,
    additionalInfo: entry.additional_info,
    up: entry.up,
    latencyMs: entry.latency_ms ?? undefined,
  }))
}

export type KeyBalance = {
  readonly key: string
  readonly name: string
  /** null: no limit */
  readonly budgetWei: bigint | null
  readonly spentWei: bigint
  readonly remainingWei: bigint | null
}

/** What the key may spend and spent. */
export async function getKeyBalance(context: Context, options: ComputeOptions): Promise<KeyBalance> {
  const json = await readJson(await callRouter(context, { path: '/zerog/balance' }, options))
  const wei = (text: string | null) => (text === null ? null : BigInt(text))
  return {
    key: json.key,
    name: json.name,
    budgetWei: wei(json.budget_wei),
    spentWei: BigInt(json.spent_wei),
    remainingWei: wei(json.remaining_wei),
  }
}

export type ComputeSpend = {
  readonly id: string
  readonly provider: Hex
  readonly model: string
  /** open: runs; signed: written, not acknowledged to the provider yet; acked: counts; void: costs nothing. */
  readonly state: 'open' | 'signed' | 'acked' | 'void'
  readonly costWei: bigint
  readonly promptTokens: number
  readonly completionTokens: number
  readonly at: string
}

/** The last answers of the key, newest first. */
export async function listUsage(
  context: Context,
  options: ComputeOptions & { readonly limit?: number },
): Promise<readonly ComputeSpend[]> {
  const { data } = await readJson(await callRouter(context, { path: `/zerog/usage?limit=${options.limit ?? 20}` }, options))
  return data.map(toSpend)
}

export type StoredReceipt = ComputeSpend & {
  /** Signed receipt, 379 bytes (docs/spec/receipt.md). */
  readonly receipt: Hex
}

/** The signed receipt of one answer of this key; NOT_FOUND until it is written. */
export async function getInferenceReceipt(context: Context, id: string, options: ComputeOptions): Promise<StoredReceipt> {
  const json = await readJson(await callRouter(context, { path: `/zerog/receipts/${encodeURIComponent(id)}` }, options))
  return { ...toSpend(json), receipt: json.receipt }
}

export type CreatedKey = { readonly id: string; readonly key: string; readonly name: string; readonly budgetWei: bigint | null }

/** A new virtual key; its text is shown here and never again. `apiKey` is the administrator's token. */
export async function createKey(
  context: Context,
  fields: {
    readonly name?: string
    readonly budgetWei?: bigint
    readonly requestsPerMinute?: number
    readonly tokensPerMinute?: number
  },
  options: ComputeOptions,
): Promise<CreatedKey> {
  const body = {
    name: fields.name,
    budget_wei: fields.budgetWei === undefined ? undefined : String(fields.budgetWei),
    requests_per_minute: fields.requestsPerMinute,
    tokens_per_minute: fields.tokensPerMinute,
  }
  const json = await readJson(await callRouter(context, { path: '/zerog/keys', body: encode(body) }, options))
  return { id: json.id, key: json.key, name: json.name, budgetWei: json.budget_wei === null ? null : BigInt(json.budget_wei) }
}

/** Every key without its text, as the router shows it. */
export async function listKeys(context: Context, options: ComputeOptions): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { data } = await readJson(await callRouter(context, { path: '/zerog/keys' }, options))
  return data
}

/** A revoked key is refused from the next request on. */
export async function revokeKey(context: Context, id: string, options: ComputeOptions): Promise<void> {
  await callRouter(context, { path: `/zerog/keys/${encodeURIComponent(id)}`, body: encode({ revoked: true }) }, options)
}

function encode(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

function toSpend(json: any): ComputeSpend {
  return {
    id: json.id,
    provider: json.provider,
    model: json.model,
    state: json.state,
    costWei: BigInt(json.cost_wei),
    promptTokens: json.prompt_tokens,
    completionTokens: json.completion_tokens,
    at: json.at,
  }
}
