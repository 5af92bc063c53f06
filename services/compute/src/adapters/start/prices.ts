import type { ModelTerms } from '../../app/broker/evidence-models.ts'
import type { ComputeBrokerConfig } from '../../config.ts'
import type { Price } from '../../core/broker/price.ts'

/** Prices by model; those without one of their own share the general price. */
export function priceList(
  config: Pick<ComputeBrokerConfig, 'prices' | 'inputPriceWei' | 'outputPriceWei'>,
): (model: string) => Price {
  const general: Price = {
    inputPrice: BigInt(config.inputPriceWei),
    outputPrice: BigInt(config.outputPriceWei),
    tiers: [],
    cachedDivisor: 1,
  }
  const own = new Map(
    Object.entries(config.prices).map(([model, { inputPriceWei, outputPriceWei, tiers, cachedDivisor }]): [string, Price] => [
      model,
      { inputPrice: BigInt(inputPriceWei), outputPrice: BigInt(outputPriceWei), tiers: [...tiers].sort(byBound), cachedDivisor },
    ]),
  )
  return (model) => own.get(model) ?? general
}

function byBound(a: { readonly inputTokensMax: number }, b: { readonly inputTokensMax: number }): number {
  return a.inputTokensMax - b.inputTokensMax
}

/** What stands in the registry of models that this provider owns, by model. */
export function modelTerms({ registerModels }: Pick<ComputeBrokerConfig, 'registerModels'>): ReadonlyMap<string, ModelTerms> {
  const terms = Object.entries(registerModels).map(([model, { licence, pricePerMillionTokensWei }]) => {
    return [model, { licence, pricePerMillionTokensWei: BigInt(pricePerMillionTokensWei) }] as const
  })
  return new Map(terms)
}
