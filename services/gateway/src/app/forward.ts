import type { Meter } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { Envelope } from '../core/envelope.ts'
import type { Instance } from '../core/instances.ts'
import type { ChainInstances } from './chain-instances.ts'
import type { Heights } from './heights.ts'

/** An answer as it comes: the first chunk is there, so the height of the whole answer is known and shared already. */
export type ForwardedAnswer = { readonly height: bigint; readonly chunks: AsyncIterable<Uint8Array> }

export type Forward = (
  body: Uint8Array,
  options: { readonly envelope: Envelope; readonly signal: AbortSignal; readonly timeoutMs: number },
) => Promise<ForwardedAnswer>

/**
 * Sends one HTTP body to the chain. An instance that is behind or unreachable is passed over for the next one, unless the body
 * would do something twice and may have been started; throws the last problem when no instance is left.
 */
export function createForward(deps: {
  readonly instances: ChainInstances
  readonly heights: Heights
  readonly meter: Meter
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

  return async (body, options) => {
    const { envelope } = options
    const minHeight = await deps.heights.stamp()
    const order = deps.instances.order({ minHeight, validatorOnly: envelope.route === 'validator' })
    let problem: ZerogError | undefined
    for (const instance of order) {
      options.signal.throwIfAborted()
      try {
        return await ask(instance, body, minHeight, options)
      } catch (error) {
        if (!(error instanceof ZerogError) || error.status !== 'UNAVAILABLE') throw error
        problem = error
        passedOver.add(1, { reason: error.reason })
        // Behind means: refused before anything ran. Any other silence may hide a request that did run.
        if (error.reason === 'REPLICA_BEHIND') continue
        deps.instances.unreachable(instance, error.message)
        if (!envelope.idempotent) break
      }
    }
    throw (
      problem ??
      new ZerogError('DEPENDENCY_UNAVAILABLE', {
        message: 'no chain instance is known to this gateway; start chain-validator or chain-rpc',
      })
    )
  }
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
