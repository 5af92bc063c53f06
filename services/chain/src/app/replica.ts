import { createExecutor, environmentOf, type History, nextBaseFee, type SenderRecovery } from '@zerog/evm'
import type { Cancel, Clock, Kv, Logger } from '@zerog/ports'
import { type Hex, isHex, toHex, ZerogError } from '@zerog/primitives'
import { nextTimestampMs, secondsOf } from '../core/timing.ts'
import type { ChainBlock, ConsensusPayload } from './block-store.ts'
import type { ChainBackend, StoredBlock } from './chain-backend.ts'
import { type DevelopmentKey, developmentSigner } from './development-signer.ts'
import { finalityOf, verifyPayload } from './finality.ts'
import { guardedKv } from './guarded-kv.ts'
import type { Crypto, Network } from './network.ts'
import {
  decodePendingAnswer,
  decodePooled,
  decodeSubmitted,
  encodePendingRequest,
  type PendingMethod,
} from './pending-protocol.ts'
import { childEnvironment } from './producer.ts'
import { type OnVerified, openVerifiedLedger } from './verified-ledger.ts'

/** A block as the validator streams it. */
export type ReceivedBlock = { readonly encoded: Uint8Array; readonly payload: ConsensusPayload }

/** The validator as a replica sees it. */
export type Upstream = {
  /** Blocks from a height on; ends or throws when the connection does. */
  readonly blocks: (fromHeight: bigint, signal: AbortSignal) => AsyncIterable<ReceivedBlock>
  /** Height of the validator's head. */
  readonly headHeight: () => Promise<bigint>
  /** One request of `pending-protocol.ts`. */
  readonly pending: (body: Uint8Array) => Promise<Uint8Array>
}

export type ReplicaOptions = {
  readonly network: Network
  readonly tipMinWei: bigint
  /** How many blocks back states are kept. Default: all. */
  readonly history?: History
  /** Blocks become visible this much later than they could: for tests of lagging replicas. */
  readonly delayMs: number
  /** Public development keys; empty outside of 31337. */
  readonly accounts: readonly DevelopmentKey[]
}

export type ReplicaDeps = {
  readonly kv: Kv
  readonly crypto: Crypto
  readonly clock: Clock
  readonly logger: Logger
  readonly upstream: Upstream
  /** Recovers the senders of received blocks. Default: one by one, on this thread. */
  readonly recovery?: SenderRecovery
  readonly signal: AbortSignal
  /** With it every block is executed a second time by @ethereumjs/vm. */
  readonly onVerified?: OnVerified
  /** A block that does not verify, or a damaged record: this node must not go on. */
  readonly fatal: (error: unknown) => void
}

const RECONNECT_MS = 250

/** Follows the validator, executes every block again and shows only what came out the same. */
export async function openReplica({ network, tipMinWei, history, delayMs, accounts }: ReplicaOptions, deps: ReplicaDeps) {
  const { crypto, clock, logger, upstream, signal } = deps
  const kv = guardedKv(deps.kv, deps.fatal)
  const { ledger, executor } = await openVerifiedLedger(network, {
    kv,
    executor: createExecutor({
      kv,
      chainId: network.chainId,
      baseFee: network.baseFee,
      ...(history !== undefined && { history }),
      ...(deps.recovery !== undefined && { recovery: deps.recovery }),
    }),
    crypto,
    logger,
    onVerified: deps.onVerified,
  })
  let tip = ledger.head()
  let connected = false
  /** The validator's head when the connection was made: from there on this node keeps up. */
  let target: bigint | undefined

  /** Blocks that wait for their delay, oldest first. */
  const hidden: ChainBlock[] = []
  let cancelShow: Cancel = () => undefined
  signal.addEventListener('abort', () => cancelShow(), { once: true })
  const showLater = (): void => {
    const [next] = hidden
    if (next === undefined || signal.aborted) return
    cancelShow = clock.after(Math.max(0, next.timestampMs + delayMs - clock.nowMs()), () => {
      hidden.shift()
      ledger.show(next)
      showLater()
    })
  }

  /** Verifies, stores and, after the delay, shows one block. */
  const accept = async ({ encoded, payload }: ReceivedBlock): Promise<void> => {
    const block = await executor.replay({ parent: tip.header, encoded })
    verifyPayload(network, { ...block, payload }, tip, crypto)
    if (block.header.extraData !== tip.header.extraData) throw unverified('extraData', block.header.extraData)
    if (secondsOf(payload.timestampMs) !== block.header.timestampSeconds)
      throw unverified('timestampMs', String(payload.timestampMs))
    const stored = await ledger.extend(block, payload, { quiet: true, parent: tip })
    tip = stored
    if (delayMs === 0) return ledger.show(stored)
    hidden.push(stored)
    if (hidden.length === 1) showLater()
  }

  const follow = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        target = await upstream.headHeight()
        connected = true
        for await (const received of upstream.blocks(tip.header.height + 1n, signal)) await accept(received)
      } catch (error) {
        if (signal.aborted) return
        if (isFatal(error)) return deps.fatal(error)
        logger.warn('validator_lost', { height: tip.header.height, error })
      }
      connected = false
      await clock.sleep(RECONNECT_MS, signal).catch(() => undefined)
    }
  }
  const following = follow()

  const ask = async (method: PendingMethod, params: readonly Hex[]): Promise<unknown> =>
    decodePendingAnswer(await upstream.pending(encodePendingRequest(method, params)))

  const blockByHeight = (height: bigint) => (height > ledger.head().header.height ? undefined : ledger.store.byHeight(height))

  const backend: ChainBackend = {
    chainId: network.chainId,
    executor,
    head: ledger.head,
    blockByHeight,
    blockByHash: (hash) => shown(ledger.store.byHash(hash), ledger.head()),
    transaction: (hash) => {
      const found = ledger.store.transaction(hash)
      return found !== undefined && shown(found.block, ledger.head()) !== undefined ? found : undefined
    },
    blocksWithLogs: ledger.store.blocksWithLogs,
    callEnvironment: (block, tag) =>
      tag === 'at' ? environmentOf(block.header) : pendingEnvironment(network, block, clock.nowMs()),
    nextBaseFee: (block) => nextBaseFee(block.header, network.baseFee),
    minPriorityFee: () => tipMinWei,
    submit: async (raw) => hexOf(await ask('zerog_submit', [`0x${Buffer.from(raw).toString('hex')}`]), 32),
    submitAll: async (raws) => decodeSubmitted(await ask('zerog_submitAll', raws.map(toHex)), raws.length),
    pendingNonce: async (address) => BigInt(String(await ask('zerog_pendingNonce', [address]))),
    pooled: async (hash) => decodePooled(await ask('zerog_pooled', [hash]), network.chainId)[0],
    poolContent: async () => {
      const content = (await ask('zerog_poolContent', [])) as { pending?: unknown; queued?: unknown }
      return { pending: decodePooled(content.pending, network.chainId), queued: decodePooled(content.queued, network.chainId) }
    },
    finality: (height) => finalityOf(network, height, blockByHeight),
    onBlock: ledger.onBlock,
    // Pending transactions are announced by the validator only.
    onPooled: () => () => undefined,
    waitForHeight: ledger.waitForHeight,
    ...developmentSigner(accounts),
  }
  return {
    backend,
    ledger,
    historyFirst: executor.historyFirst,
    tip: (): ChainBlock => tip,
    connected: (): boolean => connected,
    caughtUp: (): boolean => target !== undefined && tip.header.height >= target,
    done: following,
  }
}

function shown<T extends StoredBlock>(block: T | undefined, head: ChainBlock): T | undefined {
  return block !== undefined && block.header.height <= head.header.height ? block : undefined
}

/** A replica cannot sign for the next r, so `pending` shows the parent's. */
function pendingEnvironment(network: Network, block: StoredBlock, nowMs: number) {
  const timestampMs = nextTimestampMs(block.timestampMs, nowMs)
  return childEnvironment(network, block, { timestampMs, prevRandao: block.header.prevRandao })
}

function hexOf(value: unknown, length: number): Hex {
  if (typeof value === 'string' && isHex(value, length)) return value
  throw new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'the validator answered with something else than a hash' })
}

function unverified(field: string, found: string): ZerogError {
  return new ZerogError('VERIFICATION_FAILED', {
    message: `block: ${field} is ${found}, which does not fit the chain`,
    metadata: { field },
  })
}

function isFatal(error: unknown): boolean {
  if (!(error instanceof ZerogError)) return true
  return ['VERIFICATION_FAILED', 'RECORD_CORRUPT', 'DISK_FULL', 'WRONG_STATE', 'DATA_FOLDER_DAMAGED'].includes(error.reason)
}
