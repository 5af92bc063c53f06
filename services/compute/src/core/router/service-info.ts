import type { Price, Tier } from '../broker/price.ts'
import { isObject } from '../openai/fields.ts'

/** What `additionalInfo` of a service on chain says about prices (reference compute 1.6); unknown members are ignored. */
export function readOffer(service: {
  readonly url: string
  readonly inputPrice: bigint
  readonly outputPrice: bigint
  readonly additionalInfo: string
}): { readonly url: string; readonly price: Price } | undefined {
  const url = readUrl(service.url)
  if (url === undefined) return undefined
  let info: unknown
  try {
    info = JSON.parse(service.additionalInfo === '' ? '{}' : service.additionalInfo)
  } catch {
    info = {}
  }
  const fields = isObject(info) ? info : {}
  const cache = isObject(fields.cacheTokenBilling) ? fields.cacheTokenBilling.divisor : undefined
  const tiers = readTiers(fields.tieredPricing)
  if (tiers === undefined) return undefined
  return {
    url,
    price: {
      inputPrice: service.inputPrice,
      outputPrice: service.outputPrice,
      tiers,
      cachedDivisor: isCount(cache) ? cache : 1,
    },
  }
}

/**
 * The price of one model out of a broker's list; the price on chain where the list names none. undefined: it cannot be read, so nobody
 * could check what an answer costs.
 */
export function readPricing(pricing: unknown, chainPrice: Price): Price | undefined {
  if (!isObject(pricing)) return chainPrice
  const { prompt, completion, tiered_pricing: tiered, cache_token_billing: cache } = pricing
  if (!isWei(prompt) || !isWei(completion)) return undefined
  const tiers = Array.isArray(tiered) ? readTiers({ tiers: tiered.map(fromSnake) }) : []
  if (tiers === undefined) return undefined
  const divisor = isObject(cache) ? cache.divisor : undefined
  return {
    inputPrice: BigInt(prompt),
    outputPrice: BigInt(completion),
    tiers,
    cachedDivisor: isCount(divisor) ? divisor : 1,
  }
}

function fromSnake(tier: unknown): unknown {
  if (!isObject(tier)) return tier
  return {
    maxInputTokens: tier.max_input_tokens,
    inputMultiplier: tier.input_multiplier,
    inputMultiplierDenominator: tier.input_multiplier_denominator,
    outputMultiplier: tier.output_multiplier,
    outputMultiplierDenominator: tier.output_multiplier_denominator,
  }
}

function isWei(value: unknown): value is string {
  return typeof value === 'string' && /^\d{1,38}$/.test(value)
}

function readUrl(text: string): string | undefined {
  try {
    const url = new URL(text)
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
    if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return undefined
    return url.href.replace(/\/+$/, '')
  } catch {
    return undefined
  }
}

/** undefined: tiers that cannot be read, so that nobody can know what an answer costs. */
function readTiers(value: unknown): readonly Tier[] | undefined {
  if (!isObject(value) || !Array.isArray(value.tiers)) return []
  if (value.tiers.length > 16) return undefined
  const tiers: Tier[] = []
  for (const tier of value.tiers) {
    if (!isObject(tier)) return undefined
    const { maxInputTokens, inputMultiplier, outputMultiplier } = tier
    const inputDenominator = tier.inputMultiplierDenominator ?? 1
    const outputDenominator = tier.outputMultiplierDenominator ?? 1
    if (!isCount(maxInputTokens) || !isCount(inputMultiplier) || !isCount(outputMultiplier)) return undefined
    if (!isCount(inputDenominator) || !isCount(outputDenominator)) return undefined
    tiers.push({
      inputTokensMax: maxInputTokens,
      inputMultiplier,
      inputMultiplierDenominator: inputDenominator,
      outputMultiplier,
      outputMultiplierDenominator: outputDenominator,
    })
  }
  return tiers.sort((a, b) => a.inputTokensMax - b.inputTokensMax)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}
