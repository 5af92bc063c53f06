import type { Hex } from '@zerog/primitives'
import type { Bearer } from '../../core/broker/bearer.ts'
import type { RecoverToken } from './ports.ts'

/**
 * Who signed a token. That never changes, so it is remembered: recovery costs more than everything else of a request. Whether the
 * signer is let in is decided anew at each request.
 */
export function createTokenCache(options: { readonly entriesMax: number }, deps: { readonly recover: RecoverToken }) {
  const signers = new Map<string, Hex | undefined>()
  return {
    signerOf({ rawMessage, signature }: Pick<Bearer, 'rawMessage' | 'signature'>): Hex | undefined {
      const key = `${signature}${rawMessage}`
      if (signers.has(key)) return signers.get(key)
      const signer = deps.recover(rawMessage, signature)
      if (signers.size >= options.entriesMax) {
        const oldest = signers.keys().next().value
        if (oldest !== undefined) signers.delete(oldest)
      }
      signers.set(key, signer)
      return signer
    },
  }
}
