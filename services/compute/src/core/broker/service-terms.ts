import type { Hex } from '@zerog/primitives'
import type { Price } from './price.ts'

/** A provider's service as it is registered on chain. */
export type ServiceTerms = {
  readonly serviceType: string
  readonly url: string
  /** The model of requests that name none, whose prices stand in the contract. */
  readonly model: string
  /** One of the strings that 0G's SDK knows, or empty. */
  readonly verifiability: string
  readonly inputPrice: bigint
  readonly outputPrice: bigint
  /** JSON */
  readonly additionalInfo: string
  readonly signer: Hex
}

export type OfferedModel = {
  readonly id: string
  readonly engine: string
  readonly root: Hex | undefined
  readonly contextTokens: number
  readonly chat: boolean
  readonly reExecutable: boolean
  readonly price: Price
}

/** The contract refuses longer texts. */
const ADDITIONAL_INFO_BYTES_MAX = 4096

/**
 * What to register for these models. `OpML` only where every answer of this provider can be executed again: the string is one for the
 * whole service, and clients take it for a promise. undefined without models.
 */
export function serviceTerms(
  models: readonly OfferedModel[],
  of: { readonly url: string; readonly signer: Hex; readonly defaultModel: string | undefined },
): ServiceTerms | undefined {
  const ordered = [...models].sort(byPreference)
  const main = ordered.find(({ id }) => id === of.defaultModel) ?? ordered[0]
  if (main === undefined) return undefined
  return {
    serviceType: 'chatbot',
    url: of.url,
    model: main.id,
    verifiability: ordered.every(({ reExecutable }) => reExecutable) ? 'OpML' : '',
    inputPrice: main.price.inputPrice,
    outputPrice: main.price.outputPrice,
    additionalInfo: additionalInfo(ordered, main),
    signer: of.signer,
  }
}

/** Chat before others, those that can be executed again first, then by name: the same models give the same terms. */
function byPreference(a: OfferedModel, b: OfferedModel): number {
  return Number(b.chat) - Number(a.chat) || Number(b.reExecutable) - Number(a.reExecutable) || (a.id < b.id ? -1 : 1)
}

function additionalInfo(models: readonly OfferedModel[], main: OfferedModel): string {
  // The field has a limit: models beyond it are served and listed by /v1/models, just not named here.
  for (let count = models.length; ; count--) {
    const text = JSON.stringify({
      TEEVerifier: 'dstack',
      TargetSeparated: false,
      ProviderType: 'decentralized',
      ...(models.length > 1 ? { MultiModel: true } : {}),
      ...tieredPricing(main.price),
      ...(main.price.cachedDivisor > 1 ? { cacheTokenBilling: { divisor: main.price.cachedDivisor } } : {}),
      zerog: {
        stage: 'preview',
        disputes: false,
        signer: 'software, simulated attestation',
        models: models.slice(0, count).map(modelInfo),
      },
    })
    if (count === 0 || new TextEncoder().encode(text).length <= ADDITIONAL_INFO_BYTES_MAX) return text
  }
}

function modelInfo({ id, engine, root, contextTokens, reExecutable, price }: OfferedModel) {
  const { inputPrice, outputPrice } = price
  return {
    id,
    engine,
    ...(root === undefined ? {} : { root }),
    contextTokens,
    reExecutable,
    inputPrice: String(inputPrice),
    outputPrice: String(outputPrice),
  }
}

/** In the form that 0G's SDK parses; a denominator of 1 is left out as its broker does. */
function tieredPricing({ tiers }: Price) {
  if (tiers.length === 0) return {}
  return {
    tieredPricing: {
      tiers: tiers.map((tier) => ({
        maxInputTokens: tier.inputTokensMax,
        inputMultiplier: tier.inputMultiplier,
        ...(tier.inputMultiplierDenominator === 1 ? {} : { inputMultiplierDenominator: tier.inputMultiplierDenominator }),
        outputMultiplier: tier.outputMultiplier,
        ...(tier.outputMultiplierDenominator === 1 ? {} : { outputMultiplierDenominator: tier.outputMultiplierDenominator }),
      })),
    },
  }
}

export function sameTerms(a: ServiceTerms, b: ServiceTerms): boolean {
  const keys = ['serviceType', 'url', 'model', 'verifiability', 'inputPrice', 'outputPrice', 'additionalInfo', 'signer'] as const
  return keys.every((key) => a[key] === b[key])
}
