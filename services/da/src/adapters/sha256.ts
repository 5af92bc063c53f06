import { createHash } from 'node:crypto'

/** Incremental, by the processor's instructions. */
export function incrementalSha256() {
  const hash = createHash('sha256')
  return { update: (bytes: Uint8Array) => void hash.update(bytes), digest: () => new Uint8Array(hash.digest()) }
}
