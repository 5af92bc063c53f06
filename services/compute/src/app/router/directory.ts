import type { Clock, Logger } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import type { Price } from '../../core/broker/price.ts'
import type { Offer } from '../../core/router/choose.ts'
import { failed, type Health, isUsable, succeeded, UNKNOWN_HEALTH } from '../../core/router/health.ts'
import { readOffer, readPricing } from '../../core/router/service-info.ts'
import type { HttpAnswer, HttpClient } from '../http-client.ts'
import type { ProviderService, RouterChain } from './ports.ts'

export type Provider = {
  readonly service: ProviderService
  readonly url: string
  /** Of the default model; the others have prices of their own. */
  readonly chainPrice: Price
  health: Health
  /** What its broker says it runs; the model on chain until it was asked. */
  models: readonly ModelInfo[]
}

export type ModelInfo = {
  readonly id: string
  readonly contextTokens: number | undefined
  readonly price: Price
  /** The rest of what the broker says about it, unchecked. */
  readonly raw: Readonly<Record<string, unknown>>
}

export type Directory = {
  /** Offers of one model. */
  offers(model: string): readonly (Offer & { readonly entry: Provider })[]
  models(): readonly (ModelInfo & { readonly provider: Hex })[]
  providers(): readonly Provider[]
  refresh(signal: AbortSignal): Promise<void>
  succeeded(provider: Provider, tookMs: number): void
  failed(provider: Provider, options: { readonly refused: boolean }): void
}

const PROBE_MS = 3_000
const MODELS_BYTES_MAX = 1024 * 1024

/** Providers out of the contract on chain, each probed for what it runs and whether it is there. */
export function createDirectory(deps: {
  readonly chain: RouterChain
  readonly http: HttpClient
  readonly clock: Clock
  readonly logger: Logger
  /** For offers on loopback addresses only in development. */
  readonly acceptUrl: (url: string) => boolean
}): Directory {
  const { chain, http, clock, logger } = deps
  const providers = new Map<Hex, Provider>()

  async function probe(entry: Provider, outer: AbortSignal): Promise<void> {
    const startMs = clock.monotonicMs()
    try {
      const signal = AbortSignal.any([outer, AbortSignal.timeout(PROBE_MS)])
      const answer = await http.request({
        method: 'GET',
        url: `${entry.url}/v1/models`,
        headers: { accept: 'application/json' },
        signal,
        headMs: PROBE_MS,
      })
      const text = await readText(answer, MODELS_BYTES_MAX)
      if (answer.status >= 500) throw new Error(`status ${answer.status}`)
      const models = answer.status === 200 ? readModels(text, entry.chainPrice) : undefined
      if (models !== undefined) entry.models = models
      if (!isUsable(entry.health, clock.nowMs())) logger.info('provider_up', { provider: entry.service.provider })
      // Also a sample of its latency: whoever was slow once and was not asked since would stay slow forever.
      entry.health = succeeded(entry.health, clock.monotonicMs() - startMs)
    } catch (error) {
      if (outer.aborted) return
      if (isUsable(entry.health, clock.nowMs())) logger.warn('provider_down', { provider: entry.service.provider, error })
      entry.health = failed(entry.health, clock.nowMs(), { refused: true })
    }
  }

  return {
    offers(model) {
      const found: (Offer & { readonly entry: Provider })[] = []
      for (const entry of providers.values()) {
        const info = entry.models.find(({ id }) => id === model)
        if (info === undefined) continue
        const { service, health } = entry
        const { price } = info
        const reExecutable = service.verifiability === 'OpML'
        found.push({ provider: service.provider, model, price, reExecutable, health, entry })
      }
      return found
    },
    models: () =>
      [...providers.values()].flatMap(({ models, service }) => models.map((model) => ({ ...model, provider: service.provider }))),
    providers: () => [...providers.values()],
    async refresh(signal) {
      const services = await chain.services()
      const seen = new Set<Hex>()
      for (const service of services) {
        const offer = readOffer(service)
        if (offer === undefined || !service.signerAcknowledged || !deps.acceptUrl(offer.url)) continue
        seen.add(service.provider)
        const known = providers.get(service.provider)
        const kept = known !== undefined && known.url === offer.url
        providers.set(service.provider, {
          service,
          url: offer.url,
          chainPrice: offer.price,
          health: kept ? known.health : UNKNOWN_HEALTH,
          models: kept ? known.models : [{ id: service.model, contextTokens: undefined, price: offer.price, raw: {} }],
        })
      }
      for (const provider of providers.keys()) if (!seen.has(provider)) providers.delete(provider)
      await Promise.all([...providers.values()].map((entry) => probe(entry, signal)))
    },
    succeeded(entry, tookMs) {
      entry.health = succeeded(entry.health, tookMs)
    },
    failed(entry, options) {
      entry.health = failed(entry.health, clock.nowMs(), options)
    },
  }
}

function readModels(text: string, chainPrice: Price): readonly ModelInfo[] | undefined {
  try {
    const { data } = JSON.parse(text) as { data?: unknown } // checked below
    if (!Array.isArray(data)) return undefined
    return data.flatMap((entry: unknown): ModelInfo[] => {
      if (typeof entry !== 'object' || entry === null) return []
      const raw = entry as Readonly<Record<string, unknown>> // an object
      const { id, context_length: length, context_window: window } = raw
      if (typeof id !== 'string' || id === '' || id.length > 256) return []
      const context = typeof length === 'number' ? length : window
      const price = readPricing(raw.pricing, chainPrice)
      const contextTokens = Number.isSafeInteger(context) && (context as number) > 0 ? (context as number) : undefined
      // Without a readable price nobody could check what an answer costs.
      return price === undefined ? [] : [{ id, contextTokens, price, raw }]
    })
  } catch {
    return undefined
  }
}

export async function readText({ body }: HttpAnswer, bytesMax: number): Promise<string> {
  return new TextDecoder().decode(await body.whole(bytesMax))
}
