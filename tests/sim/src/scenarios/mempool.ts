import type { Transaction } from '@zerog/evm'
import { assert, type Hex, ZerogError } from '@zerog/primitives'
import type { Prng, Scenario, Sim, SimNode } from '@zerog/sim'
import type { PoolLimits } from '../../../../services/chain/src/core/mempool.ts'
import { BASE_FEE, openPoolNode, type PoolNode, type Sabotage } from './mempool-node.ts'
import { type Account, signedTransfer, simAccount } from './signed-transfer.ts'

const SENDERS = 4
const STEPS_PER_SENDER = 14
const GUARANTEE = 6
const GWEI = 1_000_000_000n

/** Room for everybody's guarantee, the spammer's included, and not one more. */
const TIGHT: PoolLimits = {
  transactionsMax: (SENDERS + 1) * GUARANTEE,
  bytesMax: 1_000_000,
  senderTransactionsMax: 20,
  senderGuarantee: GUARANTEE,
}
const ROOMY: PoolLimits = { transactionsMax: 10_000, bytesMax: 10_000_000, senderTransactionsMax: 2_000, senderGuarantee: 16 }

/** Random submissions, replacements and gaps from several senders, a spammer with high fees, blocks, and a disk that forgets. */
export function mempoolScenario(sabotage?: Sabotage): Scenario {
  return {
    name: 'mempool',
    description: 'A transaction whose hash was returned is in the pool or in exactly one block, crashes and spam or not.',
    faults: { 'node.crash_point': 0.01, 'disk.slow': 0.1, 'clock.skew': 0.5 },
    mustSee: ['node.power_cut', 'node.kill', 'node.crash_point', 'node.pause', 'disk.lost_write', 'disk.slow'],
    // @noble/curves blinds its multiplications.
    allowedGlobals: ['crypto.getRandomValues'],
    run: (sim) => run(sim, sabotage),
  }
}

type World = {
  readonly sim: Sim
  readonly node: SimNode<PoolNode>
  /** Every transaction that was ever sent, by sender and nonce. */
  readonly sent: Map<string, Transaction[]>
  /** Those whose hash came back. */
  readonly acknowledged: Map<Hex, Transaction>
}

async function run(sim: Sim, sabotage: Sabotage | undefined): Promise<void> {
  const limits = sim.prng.chance(0.5) ? TIGHT : ROOMY
  const accounts = Array.from({ length: SENDERS }, (_, index) => simAccount(index))
  const spammer = simAccount(SENDERS)
  const balances = new Map([...accounts, spammer].map(({ address }) => [address, { nonce: 0n, balance: 10n ** 24n }]))
  const node = sim.node('validator', openPoolNode({ balances, limits, blockMs: sim.prng.pick([20, 200]), sabotage }))
  const world: World = { sim, node, sent: new Map(), acknowledged: new Map() }

  sim.check('limits hold', () => checkLimits(node.app, limits))
  sim.check('nothing is included twice', () => checkBlocks(node.app))
  sim.check('nothing acknowledged is lost', () => {
    for (const transaction of world.acknowledged.values()) {
      if (transaction.from !== spammer.address) checkKept(world, transaction)
    }
  })
  node.start()
  await node.ready()
  sim.torment({ 'node.power_cut': 300, 'node.kill': 300, 'node.pause': 1_000 })
  let isOver = false
  const spam = sendSpam(world, spammer, () => isOver)
  await Promise.all(accounts.map((account, index) => useAccount(world, account, sim.prng.fork(`sender-${index}`))))
  await sim.heal()
  // While it pays most, the spam also fills the blocks; that is its right.
  isOver = true
  await spam
  await everythingIncluded(world, accounts)
}

/** An honest user: at most its guarantee outstanding; sends in order, ahead of itself, again, and with higher fees. */
async function useAccount(world: World, account: Account, prng: Prng): Promise<void> {
  let next = 0n
  for (let step = 0; step < STEPS_PER_SENDER; step++) {
    await world.sim.clock.sleep(prng.below(150))
    const included = includedNonce(world, account)
    const outstanding = Number(next - included)
    const action = prng.below(10)
    if (action < 2 && outstanding > 0) await replace(world, account, included + BigInt(prng.below(outstanding)))
    else if (action < 3 && included > 0n) await refusedAsTooLow(world, account)
    else if (outstanding + 2 <= GUARANTEE) {
      const isGap = action < 6
      if (isGap) await send(world, account, transferOf(account, next + 1n, prng))
      await send(world, account, transferOf(account, next, prng))
      next += isGap ? 2n : 1n
    }
  }
}

function transferOf(account: Account, nonce: bigint, prng: Prng): Transaction {
  const tip = BigInt(prng.between(1, 3)) * GWEI
  return signedTransfer(account, { nonce, tip, feeMax: BASE_FEE + tip, dataBytes: prng.pick([0, 180]) })
}

/** Both fees a tenth higher than whatever was sent with this nonce before. */
async function replace(world: World, account: Account, nonce: bigint): Promise<void> {
  const before = world.sent.get(`${account.address}/${nonce}`) ?? []
  let highest = 2n * GWEI
  for (const { maxFeePerGas } of before) if (maxFeePerGas > highest) highest = maxFeePerGas
  const feeMax = (highest * 115n) / 100n
  await send(world, account, signedTransfer(account, { nonce, tip: feeMax, feeMax }))
}

async function refusedAsTooLow(world: World, account: Account): Promise<void> {
  const stale = signedTransfer(account, { nonce: 0n, tip: 9n * GWEI, feeMax: 20n * GWEI, value: 2n })
  const outcome = await world.node.call((app) => app.submit(stale.raw), 'stale').catch((error) => error)
  assert(outcome instanceof ZerogError, 'a nonce that was used is refused')
  assert(outcome.reason !== 'TRANSACTION_REFUSED' || outcome.message.startsWith('nonce too low'), outcome.message)
}

/**
 * Sends until the hash comes back, sometimes through two wallets at once. A wallet takes "already known" as success, so it counts
 * as an acknowledgement.
 */
async function send(world: World, account: Account, transaction: Transaction): Promise<void> {
  const place = `${account.address}/${transaction.nonce}`
  world.sent.set(place, [...(world.sent.get(place) ?? []), transaction])
  const copies = world.sim.prng.chance(0.25) ? 2 : 1
  await Promise.all(Array.from({ length: copies }, () => sendOnce(world, transaction)))
}

async function sendOnce(world: World, transaction: Transaction): Promise<void> {
  const label = `${transaction.from.slice(2, 8)}/${transaction.nonce}`
  for (;;) {
    const outcome = await world.node.call((app) => app.submit(transaction.raw), label).catch((error) => error)
    if (outcome === transaction.hash) return void world.acknowledged.set(transaction.hash, transaction)
    if (!(outcome instanceof ZerogError)) throw outcome
    if (outcome.metadata.known === 'true') return void world.acknowledged.set(transaction.hash, transaction)
    // Somebody was faster: a block, or a replacement by the same sender.
    if (outcome.reason === 'TRANSACTION_REFUSED' && /nonce too low|underpriced/.test(outcome.message)) return
    assert(outcome.reason === 'DEPENDENCY_UNAVAILABLE', `${transaction.hash} was refused: ${outcome.message}`)
    await world.sim.clock.sleep(world.sim.prng.between(10, 100))
  }
}

/** Pays more than anybody, in bursts, as much as fits: honest senders within their guarantee must not feel it. */
async function sendSpam(world: World, account: Account, isOver: () => boolean): Promise<void> {
  const { sim, node } = world
  while (!isOver()) {
    const next = await node.call((app) => app.pool.pendingNonce(account.address), 'spam').catch(() => undefined)
    const burst = next === undefined ? 0 : sim.prng.between(1, 8)
    const calls = Array.from({ length: burst }, (_, index) => {
      const { raw } = signedTransfer(account, { nonce: (next ?? 0n) + BigInt(index), tip: 50n * GWEI, feeMax: 60n * GWEI })
      return node.call((app) => app.submit(raw), 'spam').catch(() => undefined)
    })
    await Promise.all(calls)
    await sim.clock.sleep(sim.prng.between(10, 150))
  }
}

function checkLimits(app: PoolNode | undefined, limits: PoolLimits): void {
  if (!app) return
  const { transactions, bytes } = app.pool.size()
  assert(transactions <= limits.transactionsMax, `${transactions} transactions of ${limits.transactionsMax}`)
  assert(bytes <= limits.bytesMax, `${bytes} bytes of ${limits.bytesMax}`)
  const held = new Map<Hex, number>()
  for (const { from } of app.pool.all()) held.set(from, (held.get(from) ?? 0) + 1)
  for (const count of held.values()) assert(count <= limits.senderTransactionsMax, `${count} transactions of one sender`)
}

/** Nonces of each sender follow each other through the blocks, so nothing can be there twice or be left out. */
function checkBlocks(app: PoolNode | undefined): void {
  const next = new Map<Hex, bigint>()
  for (const { from, nonce } of app?.blocks.flat() ?? []) {
    assert(nonce === (next.get(from) ?? 0n), `nonce ${nonce} of ${from} is included after ${(next.get(from) ?? 0n) - 1n}`)
    next.set(from, nonce + 1n)
  }
}

/** In the pool, in a block, or displaced by another transaction of its sender with the same nonce that is. */
function checkKept({ node, sent }: World, transaction: Transaction): void {
  const { app } = node
  if (!app) return
  const rivals = sent.get(`${transaction.from}/${transaction.nonce}`) ?? []
  const isKept = rivals.some(({ hash }) => app.pool.get(hash) !== undefined || includedHashes(app).has(hash))
  assert(isKept, `${transaction.hash} (nonce ${transaction.nonce} of ${transaction.from}) was acknowledged and is gone`)
}

const included = new WeakMap<PoolNode, { blocks: number; hashes: Set<Hex> }>()

/** Kept per app, or every check would read the whole chain. */
function includedHashes(app: PoolNode): ReadonlySet<Hex> {
  const known = included.get(app) ?? { blocks: 0, hashes: new Set<Hex>() }
  included.set(app, known)
  for (; known.blocks < app.blocks.length; known.blocks++)
    for (const { hash } of app.blocks[known.blocks] ?? []) known.hashes.add(hash)
  return known.hashes
}

function includedNonce({ node }: World, { address }: Account): bigint {
  const mine = node.app?.blocks.flat().filter(({ from }) => from === address) ?? []
  return BigInt(mine.length)
}

/** What was acknowledged is not only kept but gets into blocks. */
async function everythingIncluded(world: World, accounts: readonly Account[]): Promise<void> {
  const honest = new Set(accounts.map(({ address }) => address))
  const places = new Set(
    [...world.acknowledged.values()].filter(({ from }) => honest.has(from)).map(({ from, nonce }) => `${from}/${nonce}`),
  )
  const { clock } = world.sim
  const untilMs = clock.monotonicMs() + 60_000
  for (;;) {
    const there = new Set((world.node.app?.blocks.flat() ?? []).map(({ from, nonce }) => `${from}/${nonce}`))
    const missing = [...places].filter((place) => !there.has(place))
    if (missing.length === 0) return
    assert(
      clock.monotonicMs() < untilMs,
      `${missing.length} acknowledged transactions are not included after a quiet minute: ${missing[0]}`,
    )
    await clock.sleep(100)
  }
}
