import type { Clock, Random } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import { tokenHeader, tokenMessage } from '../../core/router/session-token.ts'
import type { RouterChain, RouterSigner } from './ports.ts'

const EPHEMERAL_TOKEN_ID = 255
/** The contract's rule is at most 24 h; a token is renewed when half of its life is over. */
const LIFE_MS = 12 * 60 * 60 * 1000

/** `Authorization` for a provider: 0G's session token, signed once and then reused. */
export function createSessions(deps: {
  readonly chain: RouterChain
  readonly signer: RouterSigner
  readonly clock: Clock
  readonly random: Random
}) {
  const tokens = new Map<Hex, { readonly header: string; readonly renewAtMs: number }>()
  const asked = new Map<Hex, Promise<string>>()

  async function sign(provider: Hex): Promise<string> {
    const generation = (await deps.chain.account(provider))?.generation ?? 0n
    const nowMs = deps.clock.nowMs()
    const { rawMessage, digest } = tokenMessage({
      address: deps.signer.address,
      provider,
      timestampMs: nowMs,
      expiresAtMs: nowMs + LIFE_MS,
      nonce: deps.random.uuid(),
      generation,
      tokenId: EPHEMERAL_TOKEN_ID,
    })
    const header = tokenHeader(rawMessage, deps.signer.signMessage(digest))
    tokens.set(provider, { header, renewAtMs: nowMs + LIFE_MS / 2 })
    return header
  }

  return {
    async header(provider: Hex): Promise<string> {
      const known = tokens.get(provider)
      if (known !== undefined && deps.clock.nowMs() < known.renewAtMs) return known.header
      const running = asked.get(provider) ?? sign(provider).finally(() => asked.delete(provider))
      asked.set(provider, running)
      return running
    },
    /** After a 401: the generation on chain may have changed. */
    forget(provider: Hex): void {
      tokens.delete(provider)
    },
  }
}
export type Sessions = ReturnType<typeof createSessions>
