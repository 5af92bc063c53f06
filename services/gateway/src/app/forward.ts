import type { Meter } from '@zerog/ports'
import { type Hex, ZerogError } from '@zerog/primitives'
import { type Envelope, refusals, sentHashes, withResults } from '../core/envelope.ts'
import type { Instance } from '../core/instances.ts'
import type { ChainInstances } from './chain-instances.ts'
import type { Heights } from './heights.ts'
import type { Hold } from './hold.ts'

/** An answer as it comes: the first chunk is there, so the height of the whole answer is known and shared already. */
export type ForwardedAnswer = { readonly height: bigint; readonly chunks: AsyncIterable<Uint8Array> }

export type Forward = (
  body: Uint8Array,
  options: { readonly envelope: Envelope; readonly signal: AbortSignal; readonly timeoutMs: number },
) => Promise<ForwardedAnswer>

/**
 * Sends one HTTP body to the chain. An instance that is behind or unreachable is passed over for the next one, and where none is left the
 * body waits for one that comes back. A body that would do something twice is sent again only if it was refused before it ran. A signed
 * transaction is always sent again: its hash tells whether the first attempt was taken.
 */
export function createForward(deps: {
  readonly instances: ChainInstances
  readonly heights: Heights
  readonly meter: Meter
  readonly hold: Hold
}): Forward {
  const passedOver = deps.meter.counter({
    name: 'zerog_gateway_instances_passed_over_total',
    help: 'Chain instances that did not answer a forwarded request, by why.',
    labels: ['reason'],
  })

  async function ask(instance: Instance, body: Uint8Array, minHeight: bigint, options: Parameters<Forward>[1]) {
    const stream = deps.instances
      .client(instance)
      .execute(
        { body: Buffer.from(body.buffer, body.byteOffset, body.byteLength), minHeight },
        { signal: options.signal, timeoutMs: options.timeoutMs },
      )
    const iterator = stream[Symbol.asyncIterator]()
    const first = await iterator.next()
    const height = first.done ? 0n : first.value.height
    deps.instances.answered(instance, height)
    await deps.heights.shown(height)
    return { height, chunks: first.done ? none() : rest(first.value.chunk, iterator) }
  }

  /** One try at every instance. `sent` counts how often the body left. */
  async function pass(body: Uint8Array, options: Parameters<Forward>[1], sent: { times: number }): Promise<ForwardedAnswer> {
    const { envelope } = options
    const minHeight = await deps.heights.stamp()
    const order = deps.instances.order({ minHeight, validatorOnly: envelope.route === 'validator' })
    let problem: ZerogError | undefined
    for (const instance of order) {
      options.signal.throwIfAborted()
      try {
        sent.times++
        return await ask(instance, body, minHeight, options)
      } catch (error) {
        if (!(error instanceof ZerogError) || error.status !== 'UNAVAILABLE') throw error
        problem = error
        passedOver.add(1, { reason: error.reason })
        // Behind means: refused before anything ran. Any other silence may hide a request that did run.
        if (error.reason === 'REPLICA_BEHIND') continue
        deps.instances.unreachable(instance, error.message)
        if (envelope.repeat === 'never') throw new Unrepeatable(error)
      }
    }
    throw (
      problem ??
      new ZerogError('DEPENDENCY_UNAVAILABLE', {
        message: 'no chain instance is known to this gateway; start chain-validator or chain-rpc',
      })
    )
  }

  /** A transaction that was refused when it was sent again may have been taken the first time: then the answer is its hash. */
  async function settled(body: Uint8Array, answer: ForwardedAnswer, options: Parameters<Forward>[1]): Promise<ForwardedAnswer> {
    const bytes = await bytesOf(answer)
    const hashes = sentHashes(body)
    const taken = new Map<number, unknown>()
    for (const place of refusals(bytes)) {
      const hash = hashes.get(place)
      if (hash !== undefined && (await isKnown(hash, options))) taken.set(place, hash)
    }
    return { height: answer.height, chunks: whole(taken.size === 0 ? bytes : Buffer.from(withResults(bytes, taken))) }
  }

  async function isKnown(hash: Hex, options: Parameters<Forward>[1]): Promise<boolean> {
    const question = { jsonrpc: '2.0', id: 1, method: 'eth_getTransactionByHash', params: [hash] }
    const envelope = { route: 'any', repeat: 'free' } as const
    const answer = await pass(Buffer.from(JSON.stringify(question)), { ...options, envelope }, { times: 0 })
    return JSON.parse((await bytesOf(answer)).toString()).result != null // an answer of our own chain
  }

  return async (body, options) => {
    const sent = { times: 0 }
    try {
      const answer = await deps.hold.run('chain', () => pass(body, options, sent), options.signal)
      return sent.times > 1 && options.envelope.repeat === 'by_hash' ? await settled(body, answer, options) : answer
    } catch (error) {
      throw error instanceof Unrepeatable ? error.cause : error
    }
  }
}

/** Must not be tried again, though it may look as if it could. */
class Unrepeatable extends Error {
  constructor(cause: ZerogError) {
    super(cause.message, { cause })
  }
}

async function bytesOf({ chunks }: ForwardedAnswer): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of chunks) parts.push(part)
  return Buffer.concat(parts)
}

async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}

async function* rest(
  first: Uint8Array,
  iterator: AsyncIterator<{ readonly chunk: Uint8Array }>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield first
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value.chunk
  } finally {
    await iterator.return?.()
  }
}

async function* none(): AsyncGenerator<Uint8Array, void, undefined> {}
