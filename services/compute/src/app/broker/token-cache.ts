import type { Hex } from '@zerog/primitives'
import { type Claims, parseBearer } from '../../core/broker/bearer.ts'
import type { RecoverToken } from './ports.ts'

export type ReadToken = { readonly claims: Claims; readonly signer: Hex | undefined }

/**
 * What an Authorization header claims and who signed it. That never changes, so it is remembered: reading and recovery cost more than
 * everything else of a request. Whether the signer is let in is decided anew at each request.
 */
export function createTokenCache(options: { readonly entriesMax: number }, deps: { readonly recover: RecoverToken }) {
  const tokens = new Map<string, ReadToken>()
  return {
    /** undefined for what is no token; such headers are not remembered. */
    read(authorization: string | undefined): ReadToken | undefined {
      const known = authorization === undefined ? undefined : tokens.get(authorization)
      if (known !== undefined) return known
      const bearer = parseBearer(authorization)
      if (authorization === undefined || bearer === undefined) return undefined
      const token = { claims: bearer.claims, signer: deps.recover(bearer.rawMessage, bearer.signature) }
      if (tokens.size >= options.entriesMax) {
        const oldest = tokens.keys().next().value
        if (oldest !== undefined) tokens.delete(oldest)
      }
      tokens.set(authorization, token)
      return token
    },
  }
}
