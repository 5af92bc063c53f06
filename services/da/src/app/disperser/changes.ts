import type { Bus, Clock, Logger, Random, Subscription } from '@zerog/ports'

const SUBJECT = 'zerog.da.v1.bundle_changed'

/** Wakes whoever watches blobs. State itself is read from the repository: what is missed here costs time only. */
export type Changes = {
  /** A bundle reached another state, here; other dispersers hear of it over the bus. */
  announce(change: BundleChange): void
  /** Called after changes that may concern blobs of these bundles, or blobs of this owner that have no bundle yet. */
  listen(listener: (change: BundleChange) => void): () => void
  start(): Promise<void>
  close(): Promise<void>
}

export type BundleChange = { readonly owner: number; readonly bundleIds: readonly string[] }

export function bundleChanges(
  options: {
    readonly instance: number /** Whether others may listen: more than one disperser runs now. */
    readonly shared: () => boolean
  },
  deps: { readonly bus: Bus; readonly clock: Clock; readonly random: Random; readonly logger: Logger },
): Changes {
  const listeners = new Set<(change: BundleChange) => void>()
  const origin = deps.random.uuid()
  let subscription: Subscription | undefined
  const tell = (change: BundleChange) => {
    for (const listener of [...listeners]) listener(change)
  }
  return {
    announce(change) {
      tell(change)
      if (!options.shared()) return
      const data = new TextEncoder().encode(JSON.stringify({ origin, ...change }))
      deps.bus
        .publish({ id: deps.random.uuid(), subject: SUBJECT, data })
        .catch((error) => deps.logger.warn('publish_failed', { subject: SUBJECT, error: String(error) }))
    },
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async start() {
      subscription = await deps.bus.subscribe(
        { subject: SUBJECT, consumer: `da-disperser-${options.instance}-changes` },
        async ({ data }) => {
          const change = readChange(data)
          if (change !== undefined && change.origin !== origin) tell(change)
        },
      )
    },
    close: async () => subscription?.close(),
  }
}

/** The bus belongs to one operator, but what it brings is checked like anything else. */
function readChange(data: Uint8Array): (BundleChange & { readonly origin: string }) | undefined {
  try {
    const { origin, owner, bundleIds } = JSON.parse(new TextDecoder().decode(data)) as Record<string, unknown>
    const isChange = typeof origin === 'string' && Number.isInteger(owner) && Array.isArray(bundleIds)
    return isChange ? { origin, owner: owner as number, bundleIds: bundleIds.map(String) } : undefined
  } catch {
    return undefined
  }
}
