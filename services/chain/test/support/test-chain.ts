import type { ChainBackend, DevControls, StoredBlock } from '../../src/app/chain-backend.ts'
import { type ChainBackendOptions, createChainBackend } from './create-chain-backend.ts'

export type TestChain = ChainBackend & {
  /** Seals what the pool holds, also when it is empty. */
  readonly mine: () => Promise<StoredBlock>
  readonly stop: () => Promise<void>
}

/** A whole chain in memory, with development controls unless `chainOnly: false`. Its pool wants a tip of 1,000,000 wei. */
export async function createTestChain(options: ChainBackendOptions = {}): Promise<TestChain> {
  const { backend, producer, stop } = await createChainBackend({ tipMinWei: 1_000_000n, ...options })
  return {
    ...backend,
    // The spread would freeze them: impersonation adds accounts.
    get accounts() {
      return backend.accounts
    },
    async mine() {
      await producer.exclusively(() => producer.sealOne(true))
      return backend.head()
    },
    stop: async () => {
      await stop()
    },
  }
}

/** The development controls of a test chain that has them. */
export function devOf(chain: ChainBackend): DevControls {
  if (chain.dev === undefined) throw new Error('this chain has no development controls')
  return chain.dev
}
