import { afterEach, describe, expect, test } from '@jest/globals'
import { memoryKv, systemClock } from '@zerog/adapters'
import { decodeBlock, encodeBlock } from '@zerog/evm'
import { ZerogError } from '@zerog/primitives'
import { silentLogger } from '@zerog/runtime'
import fc from 'fast-check'
import { nodeCrypto } from '../src/adapters/crypto.ts'
import type { ChainBlock } from '../src/app/block-store.ts'
import { followBlocks } from '../src/app/follow.ts'
import { answerPending, decodePendingAnswer } from '../src/app/pending-protocol.ts'
import { openReplica, type ReceivedBlock, type Upstream } from '../src/app/replica.ts'
import { createChainBackend } from './support/create-chain-backend.ts'
import { included, transfer } from './support.ts'

type Chain = Awaited<ReturnType<typeof createChainBackend>>

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

function received(block: ChainBlock): ReceivedBlock {
  return { encoded: block.encoded, payload: block.payload }
}

/** The validator's own streams, without a transport. `change` may forge what the replica gets. */
function upstreamOf(chain: Chain, change: (block: ReceivedBlock, height: bigint) => ReceivedBlock = (block) => block): Upstream {
  return {
    headHeight: async () => chain.backend.head().header.height,
    blocks: async function* (fromHeight, signal) {
      for await (const block of followBlocks(chain.backend, { fromHeight, signal })) {
        yield change(received(block as ChainBlock), block.header.height)
      }
    },
    pending: (body) => answerPending(chain.backend, body),
  }
}

async function startValidator(): Promise<Chain> {
  const chain = await createChainBackend({ chainOnly: false })
  stops.push(() => chain.stop())
  return chain
}

async function startReplica(
  chain: Chain,
  options: { upstream?: Upstream; delayMs?: number; kv?: ReturnType<typeof memoryKv> } = {},
) {
  const stop = new AbortController()
  const fatal: unknown[] = []
  let report: () => void = () => undefined
  const failed = new Promise<void>((resolve) => (report = resolve))
  const replica = await openReplica(
    { network: chain.network, tipMinWei: 0n, delayMs: options.delayMs ?? 0, accounts: [] },
    {
      kv: options.kv ?? memoryKv(),
      crypto: nodeCrypto,
      clock: systemClock,
      logger: silentLogger,
      upstream: options.upstream ?? upstreamOf(chain),
      signal: stop.signal,
      fatal: (error) => {
        fatal.push(error)
        report()
      },
    },
  )
  stops.push(async () => {
    stop.abort()
    await replica.done
  })
  return { ...replica, fatal, failed, stop }
}

describe('a replica', () => {
  test('catches up, keeps up and goes on after a restart from where it was', async () => {
    const chain = await startValidator()
    for (let nonce = 0; nonce < 3; nonce++) await included(chain.backend, await chain.backend.submit(await transfer(1, nonce)))
    const kv = memoryKv()
    const first = await startReplica(chain, { kv })
    const { height } = chain.backend.head().header
    await first.backend.waitForHeight(height, AbortSignal.timeout(5_000))
    expect(first.backend.head().hash).toBe(chain.backend.head().hash)
    first.stop.abort()
    await first.done
    const hash = await chain.backend.submit(await transfer(1, 3))
    const block = await included(chain.backend, hash)
    const again = await startReplica(chain, { kv })
    expect(again.backend.head().header.height).toBe(height)
    await again.backend.waitForHeight(block.header.height, AbortSignal.timeout(5_000))
    expect(again.backend.transaction(hash)?.receipt).toEqual(chain.backend.transaction(hash)?.receipt)
    expect(again.fatal).toEqual([])
  })

  test('with a delay shows no block early, and says so to those who wait', async () => {
    const chain = await startValidator()
    const replica = await startReplica(chain, { delayMs: 60_000 })
    const block = await included(chain.backend, await chain.backend.submit(await transfer(2, 0)))
    const { height } = block.header
    await expect(replica.backend.waitForHeight(height, AbortSignal.timeout(50))).rejects.toMatchObject({
      reason: 'REPLICA_BEHIND',
    })
    expect(replica.backend.head().header.height).toBe(0n)
    expect(replica.backend.blockByHeight(height)).toBeUndefined()
    expect(replica.backend.blockByHash(block.hash)).toBeUndefined()
  })

  const forgeries: readonly (readonly [string, (block: ReceivedBlock) => ReceivedBlock])[] = [
    [
      'another leader signature',
      (block) => ({ ...block, payload: { ...block.payload, leaderSignature: flipped(block.payload.leaderSignature) } }),
    ],
    ['another certificate signature', (block) => certified(block, (bytes) => flipped(bytes, bytes.length - 20))],
    ['a certificate of another block', (block) => certified(block, (bytes) => flipped(bytes, 40))],
    ['a certificate without signers', (block) => certified(block, (bytes) => flipped(bytes, 68))],
    ['no certificate', (block) => certified(block, () => new Uint8Array(0))],
    ['another view', (block) => ({ ...block, payload: { ...block.payload, view: 9n } })],
    ['another time', (block) => ({ ...block, payload: { ...block.payload, timestampMs: block.payload.timestampMs + 5_000 } })],
    ['another r', (block) => edited(block, { prevRandao: `0x${'11'.repeat(32)}` })],
    ['another validator set', (block) => edited(block, { extraData: `0x${'22'.repeat(32)}` })],
    ['another state', (block) => edited(block, { stateRoot: `0x${'33'.repeat(32)}` })],
    ['no block', (block) => ({ ...block, encoded: new Uint8Array(7) })],
  ]
  test.each(forgeries)('stops on %s', async (_name, forge) => {
    const chain = await startValidator()
    const replica = await startReplica(chain, { upstream: upstreamOf(chain, forge) })
    await chain.backend.submit(await transfer(3, 0))
    await replica.failed
    expect(replica.fatal).toEqual([expect.objectContaining({ reason: 'VERIFICATION_FAILED' })])
    expect(replica.backend.head().header.height).toBe(0n)
  })

  test('asks the validator for everything pending, with its errors', async () => {
    const chain = await startValidator()
    const { backend } = await startReplica(chain)
    const raw = await transfer(4, 1)
    const hash = await backend.submit(raw)
    expect(await backend.pooled(hash)).toMatchObject({ hash, nonce: 1n })
    expect(await backend.poolContent()).toMatchObject({ pending: [], queued: [{ hash }] })
    await expect(backend.submit(raw)).rejects.toMatchObject({ reason: 'TRANSACTION_REFUSED', message: 'already known' })
    await expect(backend.submit(Uint8Array.of(1, 2))).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' })
  })
})

test('the pending protocol answers or refuses arbitrary bodies, and reads no answer as another thing', async () => {
  const chain = await startValidator()
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.json().map((text) => new TextEncoder().encode(text)),
    fc
      .record({
        method: fc.constantFrom('zerog_submit', 'zerog_pendingNonce', 'zerog_pooled', 'zerog_poolContent', 'x'),
        params: fc.array(fc.jsonValue()),
      })
      .map((request) => new TextEncoder().encode(JSON.stringify(request))),
  )
  await fc.assert(
    fc.asyncProperty(body, async (bytes) => {
      const answer = await answerPending(chain.backend, bytes).catch((error: unknown) => error)
      if (answer instanceof Error) expect(answer).toMatchObject({ reason: 'INVALID_ARGUMENT' })
      else expect(answer).toBeInstanceOf(Uint8Array)
      try {
        decodePendingAnswer(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(ZerogError)
      }
    }),
    { numRuns: 300 },
  )
})

function flipped(bytes: Uint8Array, at = 40): Uint8Array {
  const copy = bytes.slice()
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

function certified(block: ReceivedBlock, change: (certificate: Uint8Array) => Uint8Array): ReceivedBlock {
  return { ...block, payload: { ...block.payload, certificate: change(block.payload.certificate) } }
}

function edited(block: ReceivedBlock, change: Partial<ReturnType<typeof decodeBlock>['header']>): ReceivedBlock {
  const { header, transactions } = decodeBlock(block.encoded)
  return { ...block, encoded: encodeBlock({ ...header, ...change }, transactions) }
}
