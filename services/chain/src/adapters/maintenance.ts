import type { Kv } from '@zerog/ports'
import { refuseOtherFormat } from '../app/block-store.ts'
import type { Network } from '../app/network.ts'
import { networkFromConfig } from '../app/network-from-config.ts'
import { type RebuildProgress, rebuildState } from '../app/rebuild.ts'
import { type ChainVerification, verifyChain } from '../app/verify-chain.ts'
import type { NetworkConfig, NodeConfig } from '../config.ts'
import { nodeCrypto } from './crypto.ts'
import { developmentSecretKey } from './development-key.ts'

/** The store `chain` of a stopped chain-validator or chain-rpc, and the settings that it ran with. */
export type StoredChain = {
  readonly kv: Kv
  readonly chainId: bigint
  readonly config: NetworkConfig & Pick<NodeConfig, 'history'>
  readonly signal?: AbortSignal
}

/** `zerog chain rebuild`: replays the state from the stored blocks. */
export async function rebuildChain(
  chain: StoredChain,
  onProgress?: (at: RebuildProgress) => void,
): Promise<{ readonly blocks: bigint }> {
  const { kv, config, signal } = chain
  refuseOtherFormat(kv)
  return rebuildState(networkOf(chain), {
    kv,
    history: config.history,
    crypto: nodeCrypto,
    ...(signal !== undefined && { signal }),
    ...(onProgress !== undefined && { onProgress }),
  })
}

/** `zerog doctor`, with `deep` `zerog doctor --deep`: reads and proves everything, changes nothing. */
export async function verifyStoredChain(
  chain: StoredChain,
  options: { readonly deep: boolean; readonly onProgress?: (height: bigint) => void },
): Promise<ChainVerification> {
  const { kv, signal } = chain
  refuseOtherFormat(kv)
  return verifyChain(networkOf(chain), { ...options, ...(signal !== undefined && { signal }) }, { kv, crypto: nodeCrypto })
}

function networkOf({ chainId, config }: StoredChain): Network {
  return networkFromConfig(config, {
    chainId,
    development: chainId === 31_337n,
    developmentPublicKey: () => nodeCrypto.bls.publicKey(developmentSecretKey()),
  })
}
