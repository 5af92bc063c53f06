import type { ExecutedBlock, Executor } from '@zerog/evm'
import type { Kv, KvWrite } from '@zerog/ports'
import { assert, ZerogError } from '@zerog/primitives'
import { type ChainBlock, type ConsensusPayload, createBlockStore } from './block-store.ts'
import type { StoredBlock } from './chain-backend.ts'
import { type Crypto, genesisEnvironment, type Network } from './network.ts'

export type Ledger = Awaited<ReturnType<typeof openLedger>>

export type LedgerDeps = { readonly kv: Kv; readonly executor: Executor; readonly crypto: Crypto }

export type ExtendOptions = {
  /** Go into the same commit. */
  readonly writes?: readonly KvWrite[]
  /** Runs in the same turn as the announcement, before it. */
  readonly beforeShow?: () => void
  /** The caller shows the block later. */
  readonly quiet?: boolean
  /** The last stored block, where it is not shown yet. */
  readonly parent?: ChainBlock
}

/**
 * The finalized chain of this node: its blocks, its head and who listens. A new block becomes durable, then visible, then
 * announced. Opening an empty store makes the genesis block; opening another chain's store is refused.
 */
export async function openLedger(network: Network, { kv, executor, crypto }: LedgerDeps) {
  const store = createBlockStore(kv)
  const listeners = new Set<(block: StoredBlock) => void>()
  const waiters = new Set<{ readonly height: bigint; readonly resolve: () => void }>()

  const environment = genesisEnvironment(network, crypto.sha256)
  const genesis = await executor.genesis({ allocation: network.allocation, environment })
  const identity = store.identify({ ...network, genesisHash: genesis.hash })
  if (store.headHeight() === undefined) {
    const timestampMs = Number(network.genesisTimestampSeconds) * 1000
    const nobody = new Uint8Array(0)
    const payload = { timestampMs, leaderSignature: nobody, epoch: 0n, view: 0n, certificate: nobody }
    executor.commit(genesis)
    kv.write([...identity, ...store.writesOf(withPayload(genesis, payload))])
    await kv.flush()
  }
  let head = loadHead()

  function loadHead(): ChainBlock {
    const height = store.headHeight()
    const block = height === undefined ? undefined : store.byHeight(height)
    if (block !== undefined) return block
    throw new ZerogError('RECORD_CORRUPT', {
      message: 'the head of the chain is missing in chain/block: restore the data folder, or delete it to follow another node',
      metadata: { store: 'chain', table: 'block', key: String(height) },
    })
  }

  function show(block: ChainBlock): void {
    head = block
    for (const waiter of [...waiters]) {
      if (waiter.height > block.header.height) continue
      waiters.delete(waiter)
      waiter.resolve()
    }
    for (const listener of [...listeners]) listener(block)
  }

  return {
    store,
    head: (): ChainBlock => head,
    /** State, block and indexes reach the disk before anybody hears of the block. `beforeShow` runs in the same turn as the announcement. */
    extend: async (block: ExecutedBlock, payload: ConsensusPayload, options: ExtendOptions = {}): Promise<ChainBlock> => {
      assert(block.header.parentHash === (options.parent ?? head).hash, 'a block extends the head')
      const stored = withPayload(block, payload)
      // What survives a crash is a prefix of the writes: a block that is there has its state.
      executor.commit(block)
      kv.write([...(options.writes ?? []), ...store.writesOf(stored)])
      // Remembered before it is shown: whoever looks for its transactions meanwhile need not decode it again.
      store.remember(stored)
      await kv.flush()
      options.beforeShow?.()
      if (options.quiet !== true) show(stored)
      return stored
    },
    show,
    onBlock: (listener: (block: StoredBlock) => void): (() => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    waitForHeight: (height: bigint, signal: AbortSignal): Promise<void> =>
      head.header.height >= height
        ? Promise.resolve()
        : new Promise((resolve, reject) => {
            const waiter = { height, resolve: done }
            const gone = (): void => {
              waiters.delete(waiter)
              reject(behind(height, head.header.height))
            }
            function done(): void {
              signal.removeEventListener('abort', gone)
              resolve()
            }
            if (signal.aborted) return gone()
            waiters.add(waiter)
            signal.addEventListener('abort', gone, { once: true })
          }),
    /** Development only: the head is replaced, because its state was edited or later blocks were taken back. */
    reload: (): ChainBlock => {
      head = loadHead()
      return head
    },
  }
}

function withPayload(block: ExecutedBlock, payload: ConsensusPayload): ChainBlock {
  return { ...block, payload, timestampMs: payload.timestampMs, sizeBytes: block.encoded.length }
}

function behind(wanted: bigint, height: bigint): ZerogError {
  return new ZerogError('REPLICA_BEHIND', {
    message: `this node stands at block ${height}, block ${wanted} was asked for: try again or ask another node`,
    metadata: { height: String(height), wanted: String(wanted) },
  })
}
