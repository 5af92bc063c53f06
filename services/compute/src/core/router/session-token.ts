import { type Hex, keccak256, toHex } from '@zerog/primitives'

/** The claims of 0G's session token in the order in which its SDK writes them (reference compute 1.4). */
export type TokenClaims = {
  readonly address: Hex
  readonly provider: Hex
  readonly timestampMs: number
  readonly expiresAtMs: number
  readonly nonce: string
  readonly generation: bigint
  readonly tokenId: number
}

/** The text to sign and the 32 bytes that EIP-191 is over. */
export function tokenMessage(claims: TokenClaims): { readonly rawMessage: string; readonly digest: Hex } {
  const rawMessage = JSON.stringify({
    address: claims.address,
    provider: claims.provider,
    timestamp: claims.timestampMs,
    expiresAt: claims.expiresAtMs,
    nonce: claims.nonce,
    generation: Number(claims.generation),
    tokenId: claims.tokenId,
  })
  return { rawMessage, digest: toHex(keccak256(new TextEncoder().encode(rawMessage))) }
}

/** `Bearer app-sk-…` */
export function tokenHeader(rawMessage: string, signature: Hex): string {
  const bytes = new TextEncoder().encode(`${rawMessage}|${signature}`)
  return `Bearer app-sk-${btoa(String.fromCharCode(...bytes))}`
}
