import type { ChainClient, Client, Clock, FinalizedBlock, LogFilter, Logger, Random } from '@zerog/ports'
import { bytesToBigint, fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'
import type { ChainServiceDefinition, GetHeadResponse, Log, WatchLogsResponse } from '@zerog/proto/chain'
import { CHAIN_RECONNECT_FIRST_MS, CHAIN_RECONNECT_MAX_MS } from './limits.ts'

export type ChainServiceClient = Client<typeof ChainServiceDefinition>

/** The chain over its own gRPC service (or the in-process channel). Everything that arrives is checked for form, order and linkage. */
export function grpcChainClient(deps: {
  readonly service: ChainServiceClient
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}): ChainClient {
  const { service } = deps
  return {
    async chainId() {
      return (await getHead(service)).chainId
    },
    async head() {
      const { height, hash } = await getHead(service)
      return { height, hash }
    },
    watch: (options) => watchBlocks(deps, options),
    async call({ to, data, height, signal }) {
      const request = { to: bufferOf(to, 20), data: bufferOf(data), ...(height === undefined ? {} : { height }) }
      const { result } = await service.call(request, signal === undefined ? {} : { signal })
      if (result?.$case === 'output') return toHex(result.value)
      if (result?.$case === 'revertData') throw reverted(toHex(result.value))
      throw malformed('a call without output')
    },
    async sendRawTransaction(raw) {
      // The hash depends on the bytes alone and the pool knows it by then, so repeating after a lost answer is harmless.
      const { transactionHash } = await service.submitTransaction({ raw: bufferOf(raw) })
      return hexOf(transactionHash, 32, 'transaction hash')
    },
  }
}

type WatchOptions = { readonly fromHeight: bigint; readonly filter?: LogFilter; readonly signal: AbortSignal }

/**
 * Reconnects by itself and goes on with the next height; the caller sees each height once, in order, each block linked to the one
 * before it. A gap or a broken link is no network trouble: it ends the watch with VERIFICATION_FAILED.
 */
async function* watchBlocks(deps: Parameters<typeof grpcChainClient>[0], options: WatchOptions): AsyncGenerator<FinalizedBlock> {
  const { service, clock, random, logger } = deps
  const { signal } = options
  const filter = options.filter === undefined ? undefined : encodeFilter(options.filter)
  let next = options.fromHeight
  let tipHash: Hex | undefined
  let failures = 0
  while (!signal.aborted) {
    try {
      for await (const message of service.watchLogs({ fromHeight: next, filter }, { signal })) {
        const block = readBlock(message)
        if (block.height !== next) throw gap(next, block.height)
        if (tipHash !== undefined && block.parentHash !== tipHash) throw unlinked(block, tipHash)
        tipHash = block.hash
        next++
        failures = 0
        yield block
      }
    } catch (error) {
      if (signal.aborted) return
      if (!isPassing(error)) throw error
      logger.warn('chain_watch_interrupted', { nextHeight: next, error })
    }
    if (signal.aborted) return
    failures++
    const ceilingMs = Math.min(CHAIN_RECONNECT_FIRST_MS * 2 ** Math.min(failures, 10), CHAIN_RECONNECT_MAX_MS)
    await clock.sleep(ceilingMs / 2 + random.below(ceilingMs / 2), signal).catch(() => {})
  }
}

/** Trouble that a later attempt may not have. Anything else would fail forever and must be seen. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof ZerogError)) return false
  return ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'ABORTED', 'INTERNAL'].includes(error.status)
}

async function getHead(service: ChainServiceClient): Promise<{ chainId: bigint; height: bigint; hash: Hex }> {
  const { chainId, height, hash }: GetHeadResponse = await service.getHead({})
  return { chainId, height, hash: hexOf(hash, 32, 'head hash') }
}

function readBlock(message: WatchLogsResponse): FinalizedBlock {
  return {
    height: message.height,
    hash: hexOf(message.hash, 32, 'block hash'),
    parentHash: hexOf(message.parentHash, 32, 'parent hash'),
    timestampSeconds: message.timestampSeconds,
    logs: message.logs.map(readLog),
  }
}

function readLog(log: Log): FinalizedBlock['logs'][number] {
  if (log.topics.length > 4) throw malformed(`a log with ${log.topics.length} topics`)
  return {
    address: hexOf(log.address, 20, 'log address'),
    topics: log.topics.map((topic) => hexOf(topic, 32, 'log topic')),
    data: toHex(log.data),
    logIndex: log.logIndex,
    transactionHash: hexOf(log.transactionHash, 32, 'transaction hash'),
    transactionIndex: log.transactionIndex,
    transactionFrom: hexOf(log.transactionFrom, 20, 'sender'),
  }
}

function encodeFilter({ addresses = [], topics = [] }: LogFilter) {
  return {
    addresses: addresses.map((address) => bufferOf(address, 20)),
    topics: topics.map((position) => ({
      anyOf: (position === null ? [] : typeof position === 'string' ? [position] : position).map((topic) => bufferOf(topic, 32)),
    })),
  }
}

function hexOf(bytes: Uint8Array, length: number, what: string): Hex {
  if (bytes.length !== length) throw malformed(`a ${what} of ${bytes.length} bytes`)
  return toHex(bytes)
}

function bufferOf(hex: Hex, length?: number): Buffer {
  return Buffer.from(fromHex(hex, length))
}

function malformed(what: string): ZerogError {
  return new ZerogError('VERIFICATION_FAILED', { message: `the chain service sent ${what}; check which release it runs` })
}

function gap(expected: bigint, got: bigint): ZerogError {
  return new ZerogError('VERIFICATION_FAILED', {
    message: `the chain service sent block ${got} where block ${expected} follows; its data may be damaged (zerog doctor --deep)`,
    metadata: { expected: String(expected), got: String(got) },
  })
}

function unlinked(block: FinalizedBlock, tipHash: Hex): ZerogError {
  return new ZerogError('VERIFICATION_FAILED', {
    message: `block ${block.height} names ${block.parentHash} as its parent, but block ${block.height - 1n} was ${tipHash}; this is another chain`,
    metadata: { height: String(block.height), parentHash: block.parentHash, expected: tipHash },
  })
}

/** Error(string) is shown in words; anything else as data. https://docs.soliditylang.org/en/latest/abi-spec.html */
function reverted(data: Hex): ZerogError {
  const reason = revertReason(data)
  return new ZerogError('TRANSACTION_REFUSED', {
    message: reason === undefined ? 'execution reverted' : `execution reverted: ${reason}`,
    metadata: { data },
  })
}

function revertReason(data: Hex): string | undefined {
  if (!data.startsWith('0x08c379a0') || data.length < 2 + 8 + 128) return undefined
  const body = fromHex(`0x${data.slice(10)}`)
  const length = Number(bytesToBigint(body.subarray(32, 64)))
  return length <= body.length - 64 ? Buffer.from(body.subarray(64, 64 + length)).toString('utf8') : undefined
}
