import { memoryKv } from '@zerog/adapters/memory'
import { createExecutor, SYSTEM_CONTRACTS, type Transaction } from '@zerog/evm'
import { assert, type Hex, ZerogError } from '@zerog/primitives'
import type { NodeEnv, Scenario, Sim, SimNode } from '@zerog/sim'
import { nodeCrypto } from '../../../../services/chain/src/adapters/crypto.ts'
import { developmentSecretKey } from '../../../../services/chain/src/adapters/development-key.ts'
import { genesisEnvironment, type Network } from '../../../../services/chain/src/app/network.ts'
import type { Sealing } from '../../../../services/chain/src/app/producer.ts'
import { openValidator, type Validator } from '../../../../services/chain/src/app/validator.ts'
import { type Account, SIM_CHAIN_ID, signedTransfer, simAccount } from './signed-transfer.ts'

const SENDERS = 3
const TRANSFERS_PER_SENDER = 6
const GWEI = 1_000_000_000n
const BALANCE = 10n ** 21n
const SECRET_KEY = developmentSecretKey()
const ACCOUNTS = Array.from({ length: SENDERS }, (_, index) => simAccount(index))

const NETWORK: Network = {
  chainId: SIM_CHAIN_ID,
  allocation: { ...SYSTEM_CONTRACTS, ...Object.fromEntries(ACCOUNTS.map(({ address }) => [address, { balance: BALANCE }])) },
  genesisTimestampSeconds: 1_767_000_000n,
  gasLimit: 60_000_000n,
  baseFee: { kind: 'constant', wei: GWEI },
  validators: [{ publicKey: nodeCrypto.bls.publicKey(SECRET_KEY), stake: 1n }],
  // Short, so that crashes meet the ends of epochs.
  epochLength: 5n,
  beneficiary: '0x00000000000000000000000000000000000000fe',
}

/** Mistakes that the scenario must find. */
export type Sabotage =
  | 'announces_before_flush' // blocks and hashes are told while they are in the page cache only
  | 'writes_in_pieces' // a crash can come between the parts of one write

/** The whole validator: pool, journal, producer, ledger and the real executor, on a disk that drops unsynced writes. */
export function chainValidatorScenario(sabotage?: Sabotage): Scenario {
  return {
    name: 'chain-validator',
    description: 'An announced block stays at its height, and what was acknowledged ends in exactly one block, crashes or not.',
    faults: { 'node.crash_point': 0.01, 'disk.slow': 0.1, 'clock.skew': 0.5 },
    mustSee: ['node.power_cut', 'node.kill', 'node.crash_point', 'node.pause', 'clock.jump', 'disk.lost_write'],
    // @noble/curves blinds its multiplications.
    allowedGlobals: ['crypto.getRandomValues'],
    run: (sim) => run(sim, sabotage),
  }
}

type World = {
  readonly sim: Sim
  readonly node: SimNode<Validator>
  readonly acknowledged: Map<Hex, Transaction>
  /** Hash by height, as listeners heard it. */
  readonly announced: Map<bigint, Hex>
}

async function run(sim: Sim, sabotage: Sabotage | undefined): Promise<void> {
  const sealing: Sealing = sim.prng.chance(0.5) ? { kind: 'demand' } : { kind: 'interval', blockTimeMs: 200 }
  const announced = new Map<bigint, Hex>()
  const node = sim.node('chain-validator', (env) => open(env, { sealing, sabotage, announced }))
  const world: World = { sim, node, acknowledged: new Map(), announced }

  sim.check('an announced block stays', () => checkAnnounced(world))
  sim.check('nothing acknowledged is lost', () => checkAcknowledged(world))
  await node.ready()
  sim.torment({ 'node.power_cut': 400, 'node.kill': 400, 'node.pause': 1_500, 'clock.jump': 1_000 })
  await Promise.all(ACCOUNTS.map((account) => sendTransfers(world, account)))
  await sim.heal()
  await allIncluded(world)
  await checkHistory(await node.ready())
}

async function open(
  env: NodeEnv,
  options: { readonly sealing: Sealing; readonly sabotage: Sabotage | undefined; readonly announced: Map<bigint, Hex> },
): Promise<Validator> {
  const { sealing, sabotage, announced } = options
  const disk = await env.kv('chain')
  const kv = { ...disk }
  if (sabotage === 'announces_before_flush') kv.flush = async () => {}
  if (sabotage === 'writes_in_pieces') kv.write = (writes) => writes.forEach((write) => void disk.write([write]))
  const validator = await openValidator(
    { network: NETWORK, secretKey: SECRET_KEY, sealing, tipMinWei: 0n, accounts: [], dev: false },
    { kv, crypto: nodeCrypto, clock: env.clock, logger: env.logger, fatal: env.fatal },
  )
  validator.ledger.onBlock(({ header: { height }, hash, transactions }) => {
    const before = announced.get(height)
    assert(before === undefined || before === hash, `block ${height} was announced as ${before} and again as ${hash}`)
    announced.set(height, hash)
    // A receipt is readable in the instant in which its block is announced.
    for (const transaction of transactions) {
      assert(validator.backend.transaction(transaction.hash)?.block.hash === hash, `${transaction.hash} has no receipt yet`)
    }
  })
  return validator
}

async function sendTransfers({ sim, node, acknowledged }: World, account: Account): Promise<void> {
  for (let nonce = 0n; nonce < TRANSFERS_PER_SENDER; nonce++) {
    await sim.clock.sleep(sim.prng.below(300))
    const tip = BigInt(sim.prng.between(1, 3)) * GWEI
    const transaction = signedTransfer(account, { nonce, tip, feeMax: GWEI + tip })
    for (;;) {
      const outcome = await node.call((app) => app.backend.submit(transaction.raw), 'submit').catch((error) => error)
      const isThere = outcome === transaction.hash || outcome.metadata?.known === 'true' || /nonce too low/.test(outcome.message)
      if (isThere) break
      if (!(outcome instanceof ZerogError) || outcome.reason !== 'DEPENDENCY_UNAVAILABLE') throw outcome
      await sim.clock.sleep(sim.prng.between(10, 100))
    }
    acknowledged.set(transaction.hash, transaction)
  }
}

function checkAnnounced({ node, announced }: World): void {
  const { app } = node
  if (!app) return
  const head = app.ledger.head()
  const highest = BigInt(announced.size)
  assert(head.header.height >= highest, `the head is ${head.header.height}, block ${highest} was announced`)
  // Older blocks hang on this one by their hashes; `checkHistory` walks them once at the end.
  const known = announced.get(head.header.height)
  assert(known === undefined || known === head.hash, `block ${head.header.height} was announced as ${known} and is ${head.hash}`)
}

function checkAcknowledged({ node, acknowledged }: World): void {
  const { app } = node
  if (!app) return
  for (const { hash, nonce } of acknowledged.values()) {
    const isKept = app.pool.get(hash) !== undefined || app.ledger.store.transaction(hash) !== undefined
    assert(isKept, `${hash} (nonce ${nonce}) was acknowledged and is gone`)
  }
}

async function allIncluded({ sim, node, acknowledged }: World): Promise<void> {
  const untilMs = sim.clock.monotonicMs() + 60_000
  const isIncluded = ({ hash }: Transaction) => node.app?.backend.transaction(hash) !== undefined
  while (![...acknowledged.values()].every(isIncluded)) {
    assert(sim.clock.monotonicMs() < untilMs, 'acknowledged transactions are not included after a quiet minute')
    await sim.clock.sleep(100)
  }
}

/** A node that knows nothing replays every block and comes to the same roots; every sender's nonce is the count of its transfers. */
async function checkHistory({ ledger, executor }: Validator): Promise<void> {
  const fresh = createExecutor({ kv: memoryKv(), chainId: NETWORK.chainId, baseFee: NETWORK.baseFee })
  const environment = genesisEnvironment(NETWORK, nodeCrypto.sha256)
  let parent = await fresh.genesis({ allocation: NETWORK.allocation, environment })
  fresh.commit(parent)
  const seen = new Set<Hex>()
  const head = ledger.head()
  for (let height = 1n; height <= head.header.height; height++) {
    const stored = ledger.store.byHeight(height)
    assert(stored, `block ${height} is missing`)
    const replayed = await fresh.replay({ parent: parent.header, encoded: stored.encoded })
    assert(replayed.hash === stored.hash && stored.header.parentHash === parent.hash, `block ${height} does not follow`)
    for (const { hash } of stored.transactions) {
      assert(!seen.has(hash), `${hash} is included twice`)
      seen.add(hash)
    }
    fresh.commit(replayed)
    parent = replayed
  }
  for (const { address } of ACCOUNTS) {
    const account = await executor.account(head.header.stateRoot, address)
    assert(account?.nonce === BigInt(TRANSFERS_PER_SENDER), `${address} has nonce ${account?.nonce}`)
  }
}
