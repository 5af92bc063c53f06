import { createHash } from 'node:crypto'
import type { ChainClient, ChainLog, FinalizedBlock, LogFilter } from '@zerog/ports'
import { type Hex, toHex, ZerogError } from '@zerog/primitives'
import { SIM_EPOCH_MS } from './clock.ts'
import type { Incarnation } from './incarnation.ts'
import type { Prng } from './prng.ts'
import { remoteCall } from './remote.ts'
import type { World } from './world.ts'

export type ChainHooks = {
  readonly call?: (options: Parameters<ChainClient['call']>[0]) => Hex
  readonly send?: (raw: Hex) => Hex
}

/** A chain that only finalizes: the scenario appends blocks, nodes watch them, each at its own pace. */
export class SimChain {
  readonly #world: World
  readonly #prng: Prng
  readonly #blocks: FinalizedBlock[] = []
  #wake = new Set<() => void>()
  /** What `call` and `sendRawTransaction` answer; without a hook they are refused. */
  hooks: ChainHooks = {}
  chainId = 31337n

  constructor(world: World, prng: Prng) {
    this.#world = world
    this.#prng = prng
    this.finalize([])
  }

  get blocks(): readonly FinalizedBlock[] {
    return this.#blocks
  }

  /** Appends a block with these logs; heights begin at 0 with an empty block. */
  finalize(logs: readonly Omit<ChainLog, 'logIndex'>[]): FinalizedBlock {
    const parent = this.#blocks.at(-1)
    const height = BigInt(this.#blocks.length)
    const parentHash: Hex = parent?.hash ?? `0x${'00'.repeat(32)}`
    const indexed = logs.map((log, logIndex) => ({ ...log, logIndex }))
    const hash = toHex(
      createHash('sha256')
        .update(`${height} ${parentHash} ${JSON.stringify(indexed)}`)
        .digest(),
    )
    const timestampSeconds = BigInt(Math.floor((SIM_EPOCH_MS + this.#world.nowUs() / 1_000) / 1_000))
    const block = { height, hash, parentHash, timestampSeconds, logs: indexed }
    this.#blocks.push(block)
    const waiting = this.#wake
    this.#wake = new Set()
    for (const wake of waiting) wake()
    return block
  }

  port(life: Incarnation): ChainClient {
    const deps = { world: this.#world, prng: this.#prng, life }
    const head = () => this.#blocks.at(-1) as FinalizedBlock
    return {
      chainId: () => remoteCall(deps, 'chain.id', () => this.chainId),
      head: () => remoteCall(deps, 'chain.head', () => ({ height: head().height, hash: head().hash })),
      watch: (options) => this.#watch(life, options),
      call: (options) => remoteCall(deps, 'chain.call', () => answered(this.hooks.call, options)),
      sendRawTransaction: (raw) => remoteCall(deps, 'chain.send', () => answered(this.hooks.send, raw)),
    }
  }

  async *#watch(
    life: Incarnation,
    { fromHeight, filter, signal }: Parameters<ChainClient['watch']>[0],
  ): AsyncGenerator<FinalizedBlock> {
    for (let index = Number(fromHeight); ; index++) {
      if (index >= this.#blocks.length) await this.#next(index, signal)
      signal.throwIfAborted()
      const delayUs = 200 + Math.ceil(this.#prng.exponential(2_000))
      yield await life.perform({ delayUs, kind: 'chain.block', detail: String(index) }, () => {
        const block = this.#blocks[index] as FinalizedBlock
        return { ...block, logs: block.logs.filter((log) => logMatches(log, filter)) }
      })
    }
  }

  async #next(index: number, signal: AbortSignal): Promise<void> {
    while (index >= this.#blocks.length && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake.add(resolve)
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }
}

/** As eth_getLogs: position by position, null matches anything, a list matches any of its members. */
export function logMatches(log: Pick<ChainLog, 'address' | 'topics'>, filter: LogFilter = {}): boolean {
  if (filter.addresses?.length && !filter.addresses.includes(log.address)) return false
  return (filter.topics ?? []).every((wanted, index) => {
    const topic = log.topics[index]
    if (wanted === null) return true
    return topic !== undefined && (Array.isArray(wanted) ? wanted.includes(topic) : wanted === topic)
  })
}

function answered<T, R>(hook: ((input: T) => R) | undefined, input: T): R {
  if (hook === undefined) throw new ZerogError('TRANSACTION_REFUSED', { message: 'this scenario has no contracts' })
  return hook(input)
}
