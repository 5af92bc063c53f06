/** What a user signed to be let in: 0G's session token, reference compute 1.4. */
export type Claims = {
  /** Lower case, as is `provider`. */
  readonly address: string
  readonly provider: string
  readonly timestampMs: number
  /** 0: never. */
  readonly expiresAtMs: number
  readonly nonce: string
  readonly generation: bigint
  /** 255: ephemeral; 0 to 254: an API key that can be revoked alone. */
  readonly tokenId: number
}

export type Bearer = {
  readonly claims: Claims
  /** The exact text that was signed. */
  readonly rawMessage: string
  /** 65 bytes as 0x hex: r, s, v. */
  readonly signature: `0x${string}`
}

export const EPHEMERAL_TOKEN_ID = 255
export const EPHEMERAL_TOKEN_MS_MAX = 24 * 60 * 60 * 1000
/** A clock of a client may be ahead of ours by this much. */
const CLOCK_SKEW_MS_MAX = 5 * 60 * 1000
/** The SDK's tokens have about 400 characters. */
const HEADER_CHARS_MAX = 4096
const PREFIX = /^Bearer +app-sk-([A-Za-z0-9+/]+={0,2}) *$/

/**
 * Reads `Bearer app-sk-<base64 of message|signature>`; undefined for anything else. The message is split at the last `|`, because its
 * nonce may have one. Proves nothing yet: the signature is checked against `rawMessage` by whoever calls.
 */
export function parseBearer(authorization: string | undefined): Bearer | undefined {
  if (authorization === undefined || authorization.length > HEADER_CHARS_MAX) return undefined
  const encoded = PREFIX.exec(authorization)?.[1]
  if (encoded === undefined) return undefined
  const text = decodeText(encoded)
  const cut = text?.lastIndexOf('|') ?? -1
  if (text === undefined || cut < 0) return undefined
  const rawMessage = text.slice(0, cut)
  const signature = text.slice(cut + 1)
  if (!/^0x[0-9a-fA-F]{130}$/.test(signature)) return undefined
  const claims = readClaims(rawMessage)
  // `as`: the pattern above.
  return claims && { claims, rawMessage, signature: signature as `0x${string}` }
}

export type ChainAccount = {
  readonly generation: bigint
  readonly revokedBitmap: bigint
}

export type Refusal =
  | 'wrong provider'
  | 'from the future'
  | 'expired'
  | 'no expiry'
  | 'lives too long'
  | 'old generation'
  | 'revoked'

/** Whether claims with a good signature let their signer in now; undefined if so. `account` is what the chain says of the user. */
export function refuseClaims(
  claims: Claims,
  facts: { readonly provider: string; readonly nowMs: number; readonly account: ChainAccount },
): Refusal | undefined {
  const { account, nowMs } = facts
  if (claims.provider !== facts.provider.toLowerCase()) return 'wrong provider'
  if (claims.timestampMs > nowMs + CLOCK_SKEW_MS_MAX) return 'from the future'
  if (claims.expiresAtMs !== 0 && claims.expiresAtMs <= nowMs) return 'expired'
  if (claims.tokenId === EPHEMERAL_TOKEN_ID) {
    if (claims.expiresAtMs === 0) return 'no expiry'
    if (claims.expiresAtMs - claims.timestampMs > EPHEMERAL_TOKEN_MS_MAX) return 'lives too long'
  }
  if (claims.generation !== account.generation) return 'old generation'
  if (claims.tokenId !== EPHEMERAL_TOKEN_ID && (account.revokedBitmap >> BigInt(claims.tokenId)) & 1n) return 'revoked'
  return undefined
}

function decodeText(base64: string): string | undefined {
  try {
    const binary = atob(base64)
    return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(binary, (char) => char.charCodeAt(0)))
  } catch {
    return undefined
  }
}

function readClaims(rawMessage: string): Claims | undefined {
  let value: unknown
  try {
    value = JSON.parse(rawMessage)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  // `as`: every field is checked below.
  const { address, provider, timestamp, expiresAt, nonce, generation, tokenId } = value as Record<string, unknown>
  if (!isAddress(address) || !isAddress(provider) || typeof nonce !== 'string') return undefined
  if (!isCount(timestamp) || !isCount(expiresAt) || !isCount(generation)) return undefined
  if (!isCount(tokenId) || tokenId > EPHEMERAL_TOKEN_ID) return undefined
  return {
    address: address.toLowerCase(),
    provider: provider.toLowerCase(),
    timestampMs: timestamp,
    expiresAtMs: expiresAt,
    nonce,
    generation: BigInt(generation),
    tokenId,
  }
}

function isAddress(value: unknown): value is string {
  return typeof value === 'string' && /^0x[0-9a-fA-F]{40}$/.test(value)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
