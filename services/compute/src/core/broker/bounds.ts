/** Tokens that a chat template may put around each message and around the whole prompt. */
const TEMPLATE_TOKENS_PER_MESSAGE = 16
const TEMPLATE_TOKENS = 64

/**
 * Most tokens that a prompt can have: no tokenizer makes more than one token of one byte, and a chat template adds a few per message.
 * Billing never goes above the bound, so a worker or upstream that counts more than this is not paid for it.
 */
export function promptTokensBound(of: { readonly textBytes: number; readonly messageCount: number }): number {
  return of.textBytes + TEMPLATE_TOKENS_PER_MESSAGE * of.messageCount + TEMPLATE_TOKENS
}

/** What is billed of a claimed usage: never more than was asked for and reserved. Tells whether the claim was beyond it. */
export function clampUsage<Claimed extends { promptTokens: number; completionTokens: number; cachedTokens: number }>(
  claimed: Claimed,
  bounds: { readonly promptTokensMax: number; readonly completionTokensMax: number },
): {
  readonly promptTokens: number
  readonly completionTokens: number
  readonly cachedTokens: number
  readonly clamped: boolean
} {
  const promptTokens = Math.min(claimed.promptTokens, bounds.promptTokensMax)
  const completionTokens = Math.min(claimed.completionTokens, bounds.completionTokensMax)
  const cachedTokens = Math.min(claimed.cachedTokens, promptTokens)
  const clamped = promptTokens !== claimed.promptTokens || completionTokens !== claimed.completionTokens
  return { promptTokens, completionTokens, cachedTokens, clamped: clamped || cachedTokens !== claimed.cachedTokens }
}
