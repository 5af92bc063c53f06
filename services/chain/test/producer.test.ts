import { describe, expect, test } from '@jest/globals'
import { memoryKv } from '@zerog/adapters'
import { nextBaseFee } from '@zerog/evm'
import type { Clock, Kv } from '@zerog/ports'
import { fromHex, type Hex } from '@zerog/primitives'
import { createChainBackend } from './support/create-chain-backend.ts'
import { account, GWEI, included, lower, transfer } from './support.ts'

/** A clock that stands still until it is moved; timers run when their time comes. */
function handClock(startMs: number) {
  let nowMs = startMs
  const timers = new Set<{ readonly dueMs: number; readonly task: () => void }>()
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (delayMs) => new Promise((resolve) => void clock.after(delayMs, resolve)),
    after: (delayMs, task) => {
      const timer = { dueMs: nowMs + delayMs, task }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
  }
  return {
    clock,
    move: (deltaMs: number): void => {
      nowMs += deltaMs
      for (const timer of [...timers]) {
        if (timer.dueMs > nowMs) continue
        timers.delete(timer)
        timer.task()
      }
    },
  }
}

const START_MS = 1_800_000_000_000

describe('making blocks', () => {
  test('on demand: what arrives together shares a block, and an empty pool makes none', async () => {
    const chain = await createChainBackend()
    const hashes = await Promise.all([1, 2, 3, 4].map(async (from) => chain.backend.submit(await transfer(from, 0))))
    const blocks = await Promise.all(hashes.map((hash) => included(chain.backend, hash)))
    expect(blocks.map(({ header }) => header.height)).toContain(chain.backend.head().header.height)
    expect(chain.backend.head().header.height).toBeLessThanOrEqual(4n)
    // A gap is nothing to make a block of.
    const height = chain.backend.head().header.height
    await chain.backend.submit(await transfer(5, 1))
    const filled = await chain.backend.submit(await transfer(5, 0))
    const block = await included(chain.backend, filled)
    expect(block.header.height).toBe(height + 1n)
    expect(block.transactions.map(({ nonce }) => nonce)).toEqual([0n, 1n])
    await chain.stop()
  })

  test('on demand: a transaction and its block share one sync, nothing is answered before it, and a gap has a sync of its own', async () => {
    const inner = memoryKv()
    const held: (() => void)[] = []
    let syncs = 0
    let holds = false
    const kv: Kv = {
      ...inner,
      flush: async () => {
        syncs += 1
        if (holds) await new Promise<void>((resolve) => void held.push(resolve))
        await inner.flush()
      },
    }
    const chain = await createChainBackend({ kv })
    syncs = 0
    holds = true
    let answers = 0
    const raw = await transfer(1, 0)
    const first = chain.backend.submit(raw).then(() => void answers++)
    while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
    // The block has struck it off the journal, and that is not on the disk yet.
    const again = chain.backend.submit(raw).then(
      () => void answers++,
      () => void answers++,
    )
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect([answers, syncs]).toEqual([0, 1])
    holds = false
    for (const release of held) release()
    await Promise.all([first, again])
    expect([answers, syncs]).toEqual([2, 1])
    await chain.backend.submit(await transfer(2, 1))
    expect(syncs).toBe(2)
    await chain.stop()
  })

  test('by interval: one block per block time, empty or not, with whole seconds that never go back', async () => {
    const { clock, move } = handClock(START_MS)
    const chain = await createChainBackend({ clock, sealing: { kind: 'interval', blockTimeMs: 400 } })
    const seen: { height: bigint; seconds: bigint; ms: number }[] = []
    let wake: () => void = () => undefined
    chain.backend.onBlock(({ header, timestampMs }) => {
      seen.push({ height: header.height, seconds: header.timestampSeconds, ms: timestampMs })
      wake()
    })
    for (let round = 0; round < 4; round++) {
      const shown = new Promise<void>((resolve) => (wake = resolve))
      move(400)
      await shown
      // The next timer is armed in the turn after.
      await new Promise((resolve) => setImmediate(resolve))
    }
    const base = BigInt(START_MS / 1000)
    expect(seen).toEqual([
      { height: 1n, seconds: base, ms: START_MS + 400 },
      { height: 2n, seconds: base, ms: START_MS + 800 },
      { height: 3n, seconds: base + 1n, ms: START_MS + 1200 },
      { height: 4n, seconds: base + 1n, ms: START_MS + 1600 },
    ])
    await chain.stop()
  })

  test('a clock that goes back does not', async () => {
    const { clock, move } = handClock(START_MS)
    const chain = await createChainBackend({ clock, sealing: { kind: 'manual' } })
    await chain.backend.dev?.mine(1)
    move(-60_000)
    await chain.backend.dev?.mine(1)
    expect(chain.backend.head().timestampMs).toBe(START_MS)
    await chain.stop()
  })

  test('r of every block follows from its parent and the signature, and no two are alike', async () => {
    const chain = await createChainBackend({ sealing: { kind: 'manual' } })
    await chain.backend.dev?.mine(5)
    const rs = Array.from({ length: 6 }, (_, height) => chain.backend.blockByHeight(BigInt(height))?.header.prevRandao)
    expect(new Set(rs).size).toBe(6)
    const again = await createChainBackend({ sealing: { kind: 'manual' } })
    await again.backend.dev?.mine(5)
    // The same key and heights: signatures are unique, so r is the same whatever the blocks hold.
    expect(again.backend.head().header.prevRandao).toBe(rs[5])
    await chain.stop()
    await again.stop()
  })
})

describe('fees', () => {
  test('the devnet has a constant base fee, tips go to the beneficiary', async () => {
    const chain = await createChainBackend()
    const { backend } = chain
    const block = await included(backend, await backend.submit(await transfer(1, 0)))
    expect(block.header.baseFeePerGas).toBe(GWEI)
    expect(backend.nextBaseFee(block)).toBe(GWEI)
    const tips = await backend.executor.account(block.header.stateRoot, block.header.beneficiary)
    expect(tips?.balance).toBe(21_000n * GWEI)
    expect(block.receipts[0]?.effectiveGasPrice).toBe(2n * GWEI)
    await chain.stop()
  })

  test('--base-fee=eip1559 follows the rule of the EIP exactly', async () => {
    const policy = { kind: 'eip1559', changeDenominator: 8n } as const
    const chain = await createChainBackend({ baseFee: policy, sealing: { kind: 'manual' } })
    await chain.backend.dev?.mine(3)
    const fees = Array.from({ length: 4 }, (_, height) => chain.backend.blockByHeight(BigInt(height))?.header.baseFeePerGas)
    expect(fees).toEqual([1_000_000_000n, 875_000_000n, 765_625_000n, 669_921_875n])
    const parent = { gasLimit: 100n, baseFeePerGas: 1_000_000_000n }
    expect(nextBaseFee({ ...parent, gasUsed: 100n }, policy)).toBe(1_125_000_000n)
    expect(nextBaseFee({ ...parent, gasUsed: 50n }, policy)).toBe(1_000_000_000n)
    expect(nextBaseFee({ ...parent, gasUsed: 0n }, policy)).toBe(875_000_000n)
    // It rises by at least 1 wei.
    expect(nextBaseFee({ ...parent, gasUsed: 51n, baseFeePerGas: 7n }, policy)).toBe(8n)
    await chain.stop()
  })

  test.each(['constant', 'eip1559'] as const)('type 2 pays base fee plus tip, at most its fee cap (%s)', async (kind) => {
    const baseFee = kind === 'constant' ? undefined : ({ kind: 'eip1559', changeDenominator: 8n } as const)
    const chain = await createChainBackend({ sealing: { kind: 'manual' }, ...(baseFee !== undefined && { baseFee }) })
    const { backend } = chain
    const hashes = [
      await backend.submit(await transfer(1, 0, { maxFeePerGas: 5n * GWEI, tip: 2n * GWEI })),
      await backend.submit(await transfer(2, 0, { maxFeePerGas: 1_500_000_000n, tip: 1_500_000_000n })),
      await backend.submit(await transfer(3, 0, { maxFeePerGas: 500_000_000n, tip: 1n })),
    ]
    await backend.dev?.mine(1)
    const { header } = backend.head()
    const price = (hash: Hex | undefined) => backend.transaction(hash ?? '0x')?.receipt.effectiveGasPrice
    expect(price(hashes[0])).toBe(header.baseFeePerGas + 2n * GWEI)
    expect(price(hashes[1])).toBe(1_500_000_000n)
    // Below the base fee: it waits.
    expect(backend.transaction(hashes[2] ?? '0x')).toBeUndefined()
    expect(await backend.pooled(hashes[2] ?? '0x')).toBeDefined()
    await chain.stop()
  })
})

test('an authorization that moves an account on takes its outdated transactions out of the pool', async () => {
  const chain = await createChainBackend({ sealing: { kind: 'manual' } })
  const { backend } = chain
  const outdated = await backend.submit(await transfer(5, 0, { maxFeePerGas: GWEI / 2n, tip: 1n }))
  const authorization = await account(5).signAuthorization({ chainId: 31337, nonce: 0, address: account(6).address })
  const raw = await account(4).signTransaction({
    type: 'eip7702',
    chainId: 31337,
    nonce: 0,
    gas: 100_000n,
    to: account(4).address,
    maxFeePerGas: 3n * GWEI,
    maxPriorityFeePerGas: 1n,
    authorizationList: [authorization],
  })
  await backend.submit(fromHex(raw))
  await backend.dev?.mine(1)
  expect(await backend.pooled(outdated)).toBeUndefined()
  expect(await backend.pendingNonce(lower(account(5).address))).toBe(1n)
  await chain.stop()
})

describe('development controls', () => {
  test('a snapshot brings back height, balances, pool and clock', async () => {
    const chain = await createChainBackend({ sealing: { kind: 'manual' } })
    const { backend } = chain
    const { dev } = backend
    if (dev === undefined) throw new Error('no development controls')
    await dev.mine(2)
    const waiting = await backend.submit(await transfer(1, 0))
    const id = await dev.snapshot()
    const before = backend.head()
    await dev.increaseTime(1_000n)
    await dev.mine(3)
    await dev.setBalance(account(9).address, 5n)
    expect(backend.transaction(waiting)).toBeDefined()
    expect(await dev.revert(id)).toBe(true)
    expect(backend.head()).toEqual(before)
    expect(backend.blockByHeight(4n)).toBeUndefined()
    expect(backend.transaction(waiting)).toBeUndefined()
    expect(await backend.pooled(waiting)).toBeDefined()
    expect((await backend.executor.account(backend.head().header.stateRoot, lower(account(9).address)))?.balance).toBe(10n ** 22n)
    expect(await dev.revert(id)).toBe(false)
    await dev.mine(1)
    expect(backend.transaction(waiting)?.block.header.height).toBe(3n)
    await chain.stop()
  })

  test('edited accounts count at once and in the next block, also after a restart', async () => {
    const kv = memoryKv()
    const chain = await createChainBackend({ kv, sealing: { kind: 'manual' } })
    const { dev } = chain.backend
    const target = `0x${'77'.repeat(20)}` as const
    await dev?.setBalance(target, 123n)
    await dev?.setNonce(target, 4n)
    await dev?.setCode(target, '0x602a5f5260205ff3')
    await dev?.setStorageAt(target, `0x${'0'.repeat(64)}`, `0x${'9'.padStart(64, '0')}`)
    const root = chain.backend.head().header.stateRoot
    expect(await chain.backend.executor.account(root, target)).toMatchObject({ balance: 123n, nonce: 4n })
    expect(await chain.backend.executor.storage(root, target, `0x${'0'.repeat(64)}`)).toBe(`0x${'9'.padStart(64, '0')}`)
    await chain.stop()
    const again = await createChainBackend({ kv, sealing: { kind: 'manual' } })
    await again.backend.dev?.mine(1)
    const { header } = again.backend.head()
    const outcome = await again.backend.executor.call(
      header.stateRoot,
      again.backend.callEnvironment(again.backend.head(), 'at'),
      { to: target },
    )
    expect(BigInt(outcome.output)).toBe(42n)
    await again.stop()
  })

  test('time travel moves the next block, never back', async () => {
    const { clock } = handClock(START_MS)
    const chain = await createChainBackend({ clock, sealing: { kind: 'manual' } })
    const { dev } = chain.backend
    expect(await dev?.increaseTime(100n)).toBe(100n)
    await dev?.mine(1)
    expect(chain.backend.head().header.timestampSeconds).toBe(BigInt(START_MS / 1000) + 100n)
    await dev?.setNextBlockTimestamp(BigInt(START_MS / 1000) + 500n)
    await dev?.mine(2)
    expect(chain.backend.head().header.timestampSeconds).toBe(BigInt(START_MS / 1000) + 500n)
    await expect(dev?.setNextBlockTimestamp(5n)).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' })
    await chain.stop()
  })

  test('an impersonated account sends without its key, and only while it is impersonated', async () => {
    const chain = await createChainBackend()
    const { backend } = chain
    const ghost = `0x${'d0'.repeat(20)}` as const
    await backend.dev?.setBalance(ghost, 10n ** 20n)
    await backend.dev?.setCode(ghost, '0x00')
    await backend.dev?.impersonate(ghost, true)
    expect(backend.accounts).toContain(ghost)
    const raw = await signAs(backend, ghost)
    const block = await included(backend, await backend.submit(raw))
    expect(block.transactions[0]?.from).toBe(ghost)
    expect(block.receipts[0]?.status).toBe(1)
    await backend.dev?.impersonate(ghost, false)
    await expect(backend.submit(raw)).rejects.toMatchObject({
      reason: expect.stringMatching(/INVALID_ARGUMENT|TRANSACTION_REFUSED/),
    })
    await chain.stop()
  })

  test('they do not exist where other layers rely on finality', async () => {
    const chain = await createChainBackend({ chainOnly: false })
    expect(chain.backend.dev).toBeUndefined()
    const first = await chain.backend.executor.account(chain.backend.head().header.stateRoot, lower(account(0).address))
    expect(first?.nonce).toBe(13n)
    await chain.stop()
  })
})

async function signAs(backend: Awaited<ReturnType<typeof createChainBackend>>['backend'], from: Hex): Promise<Uint8Array> {
  const { serializeTransaction, hexToBytes } = await import('viem')
  const request = {
    type: 'eip1559',
    chainId: 31337,
    nonce: 0,
    gas: 30_000n,
    to: account(1).address,
    value: 3n,
    maxFeePerGas: 3n * GWEI,
  } as const
  if (backend.sign === undefined) throw new Error('no signer')
  const { r, s, yParity } = await backend.sign(from, new Uint8Array(32))
  const word = (value: bigint): Hex => `0x${value.toString(16).padStart(64, '0')}`
  return hexToBytes(serializeTransaction(request, { r: word(r), s: word(s), yParity }))
}
