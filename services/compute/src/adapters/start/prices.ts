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
