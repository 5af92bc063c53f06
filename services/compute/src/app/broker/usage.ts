import { clampUsage } from '../../core/broker/bounds.ts'
import type { Usage } from '../../core/broker/price.ts'
import type { Generation } from './generation.ts'
import type { BrokerMetrics } from './metrics.ts'

/**
 * What is billed: a prompt once, however many choices continue it, and every choice's tokens; never above what was reserved, whatever
 * a worker or an upstream claims.
 */
export function billedUsage(
  generation: Pick<Generation, 'choicesPerPrompt' | 'promptTokensMax' | 'completionTokensMax'>,
  ends: readonly { readonly usage: Usage }[],
  metrics: Pick<BrokerMetrics, 'usageClamped'>,
): Usage {
  const firsts = ends.filter((_, index) => index % generation.choicesPerPrompt === 0)
  const sum = (list: readonly { readonly usage: Usage }[], of: (usage: Usage) => number) =>
    list.reduce((total, { usage }) => total + of(usage), 0)
  const { clamped, ...usage } = clampUsage(
    {
      promptTokens: sum(firsts, (usage) => usage.promptTokens),
      cachedTokens: sum(firsts, (usage) => usage.cachedTokens),
      completionTokens: sum(ends, (usage) => usage.completionTokens),
    },
    generation,
  )
  if (clamped) metrics.usageClamped.add()
  return usage
}
