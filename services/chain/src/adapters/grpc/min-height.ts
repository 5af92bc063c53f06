import type { ChainBackend } from '../../app/chain-backend.ts'

/** How long a replica waits for a height that the caller has already seen elsewhere (ARCHITECTURE, block tags). */
const WAIT_MS = 2_000

/** Resolves when the head is at least `minHeight`; throws REPLICA_BEHIND after 2 s. */
export async function waitForMinHeight(
  backend: ChainBackend,
  options: { readonly minHeight: bigint; readonly signal: AbortSignal },
): Promise<void> {
  if (backend.head().header.height >= options.minHeight) return
  await backend.waitForHeight(options.minHeight, AbortSignal.any([options.signal, AbortSignal.timeout(WAIT_MS)]))
}
