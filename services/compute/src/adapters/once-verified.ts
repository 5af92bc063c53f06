import { createHash } from 'node:crypto'
import type { Multisignature } from '@zerog/consensus'
import { lastUsed } from '../app/broker/evidence-cache.ts'

/**
 * Remembers by hash which keys signed which message. The files of a batch share two aggregate signatures, which are most of the work of
 * verifying one; only what was found true is remembered.
 */
export function onceVerified(inner: Multisignature, { entriesMax }: { readonly entriesMax: number }): Multisignature {
  const known = lastUsed<string, true>(entriesMax)
  return {
    ...inner,
    verify(publicKeys, message, signature) {
      const hash = createHash('sha256')
      // Keys have one length, so their count tells where the message begins.
      hash.update(Uint8Array.of(publicKeys.length >> 8, publicKeys.length & 255))
      for (const key of publicKeys) hash.update(key)
      const digest = hash.update(signature).update(message).digest('hex')
      if (known.get(digest) === true) return true
      const holds = inner.verify(publicKeys, message, signature)
      if (holds) known.set(digest, true)
      return holds
    },
  }
}
