import { postgresBus } from '@zerog/adapters'
import { type Hex, hexToBigInt } from 'viem'
import { until } from '../../e2e/devnet.ts'
import { BrokenPromise, type Caller, requirePromise } from './caller.ts'

export type HeightWatch = {
  /** Rejects when a height went back; otherwise resolves after `stop`. */
  readonly done: Promise<void>
  readonly stop: () => void
  readonly highest: () => bigint
  /** Blocks as they were shown at the time. */
  readonly shown: ReadonlyMap<bigint, Hex>
}

const PAUSE_MS = 25

/** A client that reads the head all the time, through every kill: what it was shown once stays. */
export function watchHeights(caller: Caller): HeightWatch {
  const shown = new Map<bigint, Hex>()
  let highest = 0n
  let stopped = false

  async function look(): Promise<void> {
    const request = { method: 'eth_getBlockByNumber', params: ['latest', false] }
    const block = (await caller.direct.request('rpc', request)) as { number: Hex; hash: Hex }
    const height = hexToBigInt(block.number)
    requirePromise(height >= highest, () => `the head was ${highest} and is ${height} now`)
    const before = shown.get(height)
    requirePromise(before === undefined || before === block.hash, () => `block ${height} was ${before} and is ${block.hash} now`)
    shown.set(height, block.hash)
    highest = height
  }

  async function run(): Promise<void> {
    while (!stopped) {
      await look().catch((error: unknown) => {
        if (error instanceof BrokenPromise) throw error
      })
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }

  return {
    done: run(),
    stop() {
      stopped = true
    },
    highest: () => highest,
    shown,
  }
}

export type EventWatch = {
  /** After a start: PostgreSQL has another port. */
  readonly reconnect: (databaseUrl: string) => Promise<void>
  /** Throws unless each of the files has its one event within the time; the bus may deliver it more than once. */
  readonly requireEvents: (roots: readonly Hex[]) => Promise<void>
  readonly counts: () => { readonly events: number; readonly redelivered: number }
  readonly close: () => Promise<void>
}

/** A durable consumer of `file_finalized`, as another layer would be one. */
export async function watchEvents(databaseUrl: string): Promise<EventWatch> {
  const idsByRoot = new Map<Hex, Set<string>>()
  let deliveries = 0
  let bus = await connect(databaseUrl)

  async function connect(url: string) {
    const opened = await postgresBus({ url })
    const options = { subject: 'zerog.storage.v1.file_finalized', consumer: 'chaos-watch', concurrency: 8 }
    await opened.subscribe(options, async ({ id, data }) => {
      const { root } = JSON.parse(Buffer.from(data).toString()) as { root: Hex }
      const ids = idsByRoot.get(root) ?? new Set()
      idsByRoot.set(root, ids.add(id))
      deliveries++
    })
    return opened
  }

  const events = () => [...idsByRoot.values()].reduce((sum, ids) => sum + ids.size, 0)
  return {
    async reconnect(url) {
      await bus.close().catch(() => {})
      bus = await connect(url)
    },
    async requireEvents(roots) {
      await until('every finalized file has its event', () => roots.every((root) => idsByRoot.has(root)), 30_000).catch(() => {
        const missing = roots.filter((root) => !idsByRoot.has(root))
        throw new BrokenPromise(`finalized files without an event on the bus: ${missing.join(', ')}`)
      })
      for (const [root, ids] of idsByRoot) {
        requirePromise(ids.size === 1, () => `file ${root} was announced under ${ids.size} ids: ${[...ids].join(', ')}`)
      }
    },
    counts: () => ({ events: events(), redelivered: deliveries - events() }),
    close: () => bus.close(),
  }
}
