import { assert } from '@zerog/primitives'

/** Applies to requests with at most `inputTokensMax` prompt tokens. Multipliers are fractions: numerator over denominator. */
export type Tier = {
  readonly inputTokensMax: number
  readonly inputMultiplier: number
  readonly inputMultiplierDenominator: number
  readonly outputMultiplier: number
  readonly outputMultiplierDenominator: number
}

/** What a model costs, wei per token. */
export type Price = {
  readonly inputPrice: bigint
  readonly outputPrice: bigint
  /** Ascending by `inputTokensMax`; the last one applies above it too. Empty: one price for all. */
  readonly tiers: readonly Tier[]
  /** Prompt tokens out of the prefix cache cost the input price divided by this; 1: the full price. */
  readonly cachedDivisor: number
}

export type Usage = {
  readonly promptTokens: number
  readonly completionTokens: number
  /** Of the prompt tokens. */
  readonly cachedTokens: number
}

/**
 * fee = prompt x inputPrice + completion x outputPrice, wei; without tiers and cached tokens exactly 0G's formula. Each of the three
 * products is rounded down, in the user's favour.
 */
export function feeOf(price: Price, usage: Usage): bigint {
  const { promptTokens, completionTokens, cachedTokens } = usage
  assert(promptTokens >= 0 && completionTokens >= 0 && cachedTokens >= 0 && cachedTokens <= promptTokens, 'no such usage')
  const tier = tierOf(price, promptTokens)
  const input = scaled(price.inputPrice, tier?.inputMultiplier ?? 1, tier?.inputMultiplierDenominator ?? 1)
  const output = scaled(price.outputPrice, tier?.outputMultiplier ?? 1, tier?.outputMultiplierDenominator ?? 1)
  return (
    times(input, promptTokens - cachedTokens) +
    times({ numerator: input.numerator, denominator: input.denominator * BigInt(price.cachedDivisor) }, cachedTokens) +
    times(output, completionTokens)
  )
}

/**
 * The most that a request can cost whose prompt has at most `promptTokensMax` and whose answer at most `completionTokensMax` tokens: a
 * shorter prompt may be in a dearer tier, so every tier that it can reach is asked.
 */
export function feeMax(price: Price, promptTokensMax: number, completionTokensMax: number): bigint {
  const prompts = [promptTokensMax, ...price.tiers.map((tier) => tier.inputTokensMax).filter((bound) => bound < promptTokensMax)]
  let most = 0n
  for (const promptTokens of prompts) {
    const fee = feeOf(price, { promptTokens, completionTokens: completionTokensMax, cachedTokens: 0 })
    if (fee > most) most = fee
  }
  return most
}

function tierOf(price: Price, promptTokens: number): Tier | undefined {
  return price.tiers.find((tier) => promptTokens <= tier.inputTokensMax) ?? price.tiers.at(-1)
}

type Fraction = { readonly numerator: bigint; readonly denominator: bigint }

function scaled(price: bigint, numerator: number, denominator: number): Fraction {
  return { numerator: price * BigInt(numerator), denominator: BigInt(denominator) }
}

function times({ numerator, denominator }: Fraction, count: number): bigint {
  return (numerator * BigInt(count)) / denominator
}
