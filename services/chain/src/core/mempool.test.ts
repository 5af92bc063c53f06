import { describe, expect, test } from '@jest/globals'
import { intrinsicGas, type Transaction } from '@zerog/evm'
import type { Hex } from '@zerog/primitives'
import fc from 'fast-check'
import { type AddOutcome, costOf, createMempool, POOL_LIMITS, type PoolLimits, type SenderState } from './mempool.ts'

const GWEI = 10n ** 9n
const RULES = { blockGasLimit: 30_000_000n, tipMin: 0n }
const RICH: SenderState = { nonce: 0n, balance: 10n ** 24n }

const newPool = (limits: PoolLimits = POOL_LIMITS) => createMempool(limits, { intrinsicGas })

let serial = 0n

/** A pool only reads fields: these transactions need no signature. */
function transaction(
  from: number,
  nonce: number,
  fields: Partial<Transaction> & { readonly tip?: bigint; readonly fee?: bigint } = {},
): Transaction {
  const { tip = GWEI, fee = 3n * GWEI, ...rest } = fields
  serial += 1n
  return {
    hash: `0x${serial.toString(16).padStart(64, '0')}`,
    raw: new Uint8Array(110),
    type: 2,
    chainId: 31337n,
    from: sender(from),
    to: sender(99),
    nonce: BigInt(nonce),
    gasLimit: 21_000n,
    value: 0n,
    data: '0x',
    gasPrice: undefined,
    maxFeePerGas: fee,
    maxPriorityFeePerGas: tip,
    accessList: [],
    authorizationList: undefined,
    blobVersionedHashes: undefined,
    maxFeePerBlobGas: undefined,
    v: 0n,
    r: 1n,
    s: 1n,
    ...rest,
  }
}

function sender(index: number): Hex {
  return `0x${index.toString(16).padStart(40, '0')}`
}

function refusal(outcome: AddOutcome): string | undefined {
  return 'refused' in outcome ? outcome.refused.message : undefined
}

describe('what the pool takes', () => {
  test.each<[name: string, transaction: Transaction, state: SenderState, text: string]>([
    ['an old nonce', transaction(1, 3), { ...RICH, nonce: 5n }, 'nonce too low: next nonce 5, tx nonce 3'],
    [
      'no money',
      transaction(1, 0, { value: 1n, fee: 0n, tip: 0n }),
      { nonce: 0n, balance: 0n },
      'insufficient funds for gas * price + value: balance 0, tx cost 1, overshot 1',
    ],
    ['little gas', transaction(1, 0, { gasLimit: 20_999n }), RICH, 'intrinsic gas too low: gas 20999, minimum needed 21000'],
    [
      'gas below the floor of its data',
      transaction(1, 0, { data: `0x${'01'.repeat(100)}`, gasLimit: 23_000n }),
      RICH,
      'insufficient gas for floor data gas cost: gas 23000, minimum needed 25000',
    ],
    ['more gas than a block', transaction(1, 0, { gasLimit: 30_000_001n }), RICH, 'exceeds block gas limit'],
    [
      'too much init code',
      transaction(1, 0, { to: null, data: `0x${'00'.repeat(49_153)}`, gasLimit: 5_000_000n }),
      RICH,
      'max initcode size exceeded: code size 49153, limit 49152',
    ],
    [
      'a blob transaction',
      transaction(1, 0, { type: 3 }),
      RICH,
      'transaction type not supported: blobs are not carried by this chain, post the data to its DA layer',
    ],
    ['a contract as sender', transaction(1, 0), { ...RICH, contract: true }, `sender not an eoa: address ${sender(1)}`],
  ])('%s is refused with the text of geth', (_name, given, state, text) => {
    expect(refusal(newPool().add(given, state, RULES))).toBe(text)
  })

  test('a tip below the minimum is refused, the same bytes are already known', () => {
    const pool = newPool()
    const given = transaction(1, 0, { tip: 4n })
    expect(refusal(pool.add(given, RICH, { ...RULES, tipMin: 5n }))).toBe(
      'transaction gas price below minimum: gas tip cap 4, minimum needed 5',
    )
    expect(refusal(pool.add(given, RICH, RULES))).toBeUndefined()
    expect(pool.add(given, RICH, RULES)).toEqual({ refused: { known: true, full: false, message: 'already known' } })
  })

  test('what waits already counts against the balance', () => {
    const pool = newPool()
    const cost = costOf(transaction(1, 0))
    const state = { nonce: 0n, balance: 2n * cost - 1n }
    expect(refusal(pool.add(transaction(1, 0), state, RULES))).toBeUndefined()
    expect(refusal(pool.add(transaction(1, 1), state, RULES))).toBe(
      `insufficient funds for gas * price + value: balance ${state.balance}, queued cost ${cost}, tx cost ${cost}, overshot 1`,
    )
  })

  test('a replacement must raise both fees by a tenth', () => {
    const pool = newPool()
    const first = transaction(1, 0, { tip: 100n, fee: 1000n })
    pool.add(first, RICH, RULES)
    const text = 'replacement transaction underpriced'
    expect(refusal(pool.add(transaction(1, 0, { tip: 109n, fee: 1100n }), RICH, RULES))).toBe(text)
    expect(refusal(pool.add(transaction(1, 0, { tip: 110n, fee: 1099n }), RICH, RULES))).toBe(text)
    const next = transaction(1, 0, { tip: 110n, fee: 1100n })
    expect(pool.add(next, RICH, RULES)).toEqual({ added: next, removed: [first] })
    expect(pool.size()).toMatchObject({ transactions: 1, bytes: 110 })
    expect(pool.get(first.hash)).toBeUndefined()
  })

  test('one sender has its own limit', () => {
    const pool = newPool({ ...POOL_LIMITS, senderTransactionsMax: 2 })
    for (const nonce of [0, 1]) expect(refusal(pool.add(transaction(1, nonce), RICH, RULES))).toBeUndefined()
    expect(pool.add(transaction(1, 2), RICH, RULES)).toMatchObject({ refused: { full: true } })
  })
})

describe('what the pool offers', () => {
  test('candidates come by tip, within a sender by nonce, and stop at a gap or a low fee', () => {
    const pool = newPool()
    const add = (from: number, nonce: number, tip: bigint, fee = 10n * GWEI): Transaction => {
      const added = transaction(from, nonce, { tip, fee })
      pool.add(added, RICH, RULES)
      return added
    }
    const a1 = add(1, 1, 9n * GWEI)
    const a0 = add(1, 0, 1n)
    const b0 = add(2, 0, 2n)
    const b2 = add(2, 2, 5n * GWEI)
    const c0 = add(3, 0, 1n, GWEI)
    const d0 = add(4, 0, 2n)
    expect([...pool.candidates(2n * GWEI)]).toEqual([b0, d0, a0, a1])
    expect([...pool.candidates(GWEI)]).toEqual([b0, d0, a0, a1, c0])
    expect(pool.content()).toEqual({ pending: expect.arrayContaining([a0, a1, b0, c0, d0]), queued: [b2] })
    expect(pool.pendingNonce(sender(2))).toBe(1n)
    expect(pool.pendingNonce(sender(7))).toBeUndefined()
    expect(pool.executable(11n * GWEI)).toBe(false)
    expect(pool.executable(2n * GWEI)).toBe(true)
  })

  test('a new state drops what was used or can never be paid', () => {
    const pool = newPool()
    const all = [0, 1, 2].map((nonce) => transaction(1, nonce, nonce === 2 ? { value: 10n ** 20n } : {}))
    for (const added of all) pool.add(added, RICH, RULES)
    const dropped = pool.refresh(sender(1), { nonce: 1n, balance: 10n ** 19n })
    expect(dropped).toEqual([all[0], all[2]])
    expect(pool.all()).toEqual([all[1]])
  })
})

describe('a full pool', () => {
  const limits = { ...POOL_LIMITS, transactionsMax: 8, senderGuarantee: 2 }

  test('a sender with many loses its cheapest tail to one with few, whatever that one pays', () => {
    const pool = newPool(limits)
    const greedy = Array.from({ length: 8 }, (_, nonce) => transaction(1, nonce, { tip: 9n * GWEI, fee: 10n * GWEI }))
    for (const added of greedy) pool.add(added, RICH, RULES)
    const poor = transaction(2, 0, { tip: 1n })
    expect(pool.add(poor, RICH, RULES)).toEqual({ added: poor, removed: [greedy[7]] })
    // Within the guarantee of everybody only a higher fee displaces.
    expect(refusal(pool.add(transaction(1, 8, { tip: 10n * GWEI, fee: 11n * GWEI }), RICH, RULES))).toBe('txpool is full')
  })

  test('among senders within their guarantee the cheapest tail goes, and only for more', () => {
    const pool = newPool({ ...limits, transactionsMax: 3 })
    const held = [1, 2, 3].map((from) => transaction(from, 0, { tip: BigInt(from) }))
    for (const added of held) pool.add(added, RICH, RULES)
    expect(refusal(pool.add(transaction(4, 0, { tip: 1n }), RICH, RULES))).toBe('txpool is full')
    expect(pool.add(transaction(4, 0, { tip: 2n }), RICH, RULES)).toMatchObject({ removed: [held[0]] })
  })

  test('bytes are limited too, and a newcomer that is refused displaces nobody', () => {
    const pool = newPool({ ...limits, bytesMax: 1_000 })
    const held = [
      transaction(1, 0, { raw: new Uint8Array(400), tip: 1n }),
      transaction(2, 0, { raw: new Uint8Array(400), tip: 50n }),
    ]
    for (const added of held) pool.add(added, RICH, RULES)
    expect(refusal(pool.add(transaction(3, 0, { raw: new Uint8Array(800), tip: 20n }), RICH, RULES))).toBe('txpool is full')
    expect(new Set(pool.all())).toEqual(new Set(held))
    expect(pool.size().bytes).toBe(800)
  })
})

describe('any history', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('add' as const),
      from: fc.nat(4),
      nonce: fc.nat(6),
      tip: fc.nat(20),
      bytes: fc.integer({ min: 100, max: 900 }),
    }),
    fc.record({ kind: fc.constant('block' as const), count: fc.nat(4) }),
    fc.record({ kind: fc.constant('remove' as const), which: fc.nat(20) }),
  )

  test('keeps the limits, one transaction per nonce, no transaction twice or lost, and candidates in order', () => {
    const limits = { transactionsMax: 9, bytesMax: 4_000, senderTransactionsMax: 5, senderGuarantee: 2 }
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pool = newPool(limits)
        const inside = new Map<Hex, Transaction>()
        const states = new Map<Hex, SenderState>()
        const stateOf = (address: Hex): SenderState => states.get(address) ?? RICH
        const leave = (gone: readonly Transaction[]): void => {
          for (const { hash } of gone) expect(inside.delete(hash)).toBe(true)
        }
        for (const event of steps) {
          if (event.kind === 'add') {
            const given = transaction(event.from, event.nonce, { tip: BigInt(event.tip), raw: new Uint8Array(event.bytes) })
            const outcome = pool.add(given, stateOf(given.from), RULES)
            if ('added' in outcome) {
              leave(outcome.removed)
              inside.set(given.hash, given)
            }
          } else if (event.kind === 'block') {
            const block = [...pool.candidates(0n)].slice(0, event.count)
            for (const { from, nonce } of block) states.set(from, { ...RICH, nonce: nonce + 1n })
            for (const from of new Set(block.map((included) => included.from))) leave(pool.refresh(from, stateOf(from)))
          } else {
            const chosen = [...inside.keys()][event.which]
            if (chosen !== undefined && pool.remove(chosen)) inside.delete(chosen)
          }
          check(pool, inside, stateOf)
        }
      }),
      { numRuns: 300 },
    )

    function check(
      pool: ReturnType<typeof createMempool>,
      inside: Map<Hex, Transaction>,
      stateOf: (address: Hex) => SenderState,
    ): void {
      const all = pool.all()
      expect(new Set(all.map(({ hash }) => hash))).toEqual(new Set(inside.keys()))
      const bytes = all.reduce((sum, { raw }) => sum + raw.length, 0)
      expect(pool.size()).toMatchObject({ transactions: all.length, bytes })
      expect(all.length).toBeLessThanOrEqual(limits.transactionsMax)
      expect(bytes).toBeLessThanOrEqual(limits.bytesMax)
      expect(new Set(all.map(({ from, nonce }) => `${from}/${nonce}`)).size).toBe(all.length)
      const next = new Map<Hex, bigint>()
      for (const { from, nonce } of pool.candidates(0n)) {
        expect(nonce).toBe(next.get(from) ?? stateOf(from).nonce)
        next.set(from, nonce + 1n)
      }
      const { pending, queued } = pool.content()
      expect(pending.length + queued.length).toBe(all.length)
      expect([...pool.candidates(0n)]).toHaveLength(pending.length)
    }
  })
})
