import { createExecutor, type History, keepsWindow } from '@zerog/evm'
import type { Kv } from '@zerog/ports'
import { concatBytes, fromHex, ZerogError } from '@zerog/primitives'
import { type ChainBlock, createBlockStore, TABLES } from './block-store.ts'
import { type Crypto, genesisEnvironment, type Network } from './network.ts'

export type RebuildProgress = { readonly height: bigint; readonly headHeight: bigint }

/**
 * Writes the whole state again by executing the stored blocks from genesis on (`zerog chain rebuild`). Damaged or missing state
 * records are replaced, because each record is written by the block that made it before anything reads it. The node must not run.
 * Throws VERIFICATION_FAILED where a block does not come out as it is stored, RECORD_CORRUPT where a block itself is damaged.
 */
export async function rebuildState(
  network: Network,
  deps: {
    readonly kv: Kv
    readonly crypto: Crypto
    /** How far back states are kept, where the node keeps a window; an archive stays one. */
    readonly history: History
    readonly signal?: AbortSignal
    readonly onProgress?: (at: RebuildProgress) => void
  },
): Promise<{ readonly blocks: bigint }> {
  const { kv, crypto, signal, onProgress } = deps
  const store = createBlockStore(kv)
  const headHeight = store.headHeight()
  if (headHeight === undefined)
    throw new ZerogError('NOT_FOUND', { message: 'the data folder holds no chain: nothing to rebuild' })
  for (const _edited of kv.range(TABLES.irregular, { limit: 1 })) {
    throw new ZerogError('WRONG_STATE', {
      message: 'this development chain was edited (setBalance and the like), which blocks do not tell: start over with --reset',
    })
  }
  const history = keepsWindow(kv) ? deps.history : 'archive'
  const executor = createExecutor({ kv, chainId: network.chainId, baseFee: network.baseFee, history })
  const environment = genesisEnvironment(network, crypto.sha256)
  const genesis = await executor.genesis({ allocation: network.allocation, environment })
  store.identify({ ...network, genesisHash: genesis.hash })
  executor.commit(genesis)
  let parent = genesis.header
  for (let height = 1n; height <= headHeight; height++) {
    signal?.throwIfAborted()
    const stored = store.byHeight(height)
    if (stored === undefined) {
      throw new ZerogError('RECORD_CORRUPT', {
        message: `block ${height} is missing in chain/block: let this node follow another one from an empty folder`,
        metadata: { store: 'chain', table: TABLES.block, key: String(height) },
      })
    }
    const block = await executor.replay({ parent, encoded: stored.encoded, senders: sendersOf(stored) })
    executor.commit(block)
    if (height % FLUSH_EVERY === 0n) await kv.flush()
    parent = block.header
    onProgress?.({ height, headHeight })
  }
  await kv.flush()
  return { blocks: headHeight + 1n }
}

/** They were recovered when the block came; wrong ones would give another state than the header's. */
function sendersOf({ transactions }: ChainBlock): Uint8Array {
  return concatBytes(...transactions.map(({ from }) => fromHex(from, 20)))
}

/** Blocks between two syncs: what is lost by a crash is made again. */
const FLUSH_EVERY = 64n
