import { memoryKv } from '@zerog/adapters'
import { assert, type Hex } from '@zerog/primitives'
import { decodeTransaction } from '../../src/codec/transaction.ts'
import { createExecutor } from '../../src/create-executor.ts'
import type { EngineName } from '../../src/engine/engine.ts'
import { verifyKzgProof } from '../../src/engine/kzg.ts'
import { loadEngine } from '../../src/engine/load-engine.ts'
import { SYSTEM_CONTRACTS } from '../../src/engine/system-contracts.ts'
import type {
  BlockEnvironment,
  CallFrame,
  Executor,
  GenesisAllocation,
  Header,
  Receipt,
  Transaction,
} from '../../src/executor.ts'
import type { OracleFrame } from '../../src/oracle/frames.ts'
import { memoryOracleDb } from '../../src/oracle/memory-db.ts'
import { createOracle, type Oracle, type OracleOptions, type OracleOutcome, type OracleResult } from '../../src/oracle/oracle.ts'
import { compareFrames } from './compare-frames.ts'
import { assemble } from './program.ts'
import { CHAIN_ID, type Scenario, type ScenarioBlock } from './scenario.ts'
import { signTransaction } from './sign.ts'

/** Where the two engines part. */
export type Difference = {
  readonly block: number
  readonly transaction?: number
  readonly field: string
  readonly ours: string
  readonly oracle: string
}

export type ScenarioRun = {
  readonly difference: Difference | undefined
  /** Transactions that both engines were given. */
  readonly cases: number
  readonly accepted: number
  readonly gasUsed: bigint
}

export type RunOptions = {
  readonly engine: EngineName
  /** Compares every message frame by tracing, errors and outputs with it. Costs a second execution on our side. */
  readonly frames: boolean
  /** Lets the oracle execute the sealed block once more by its own runBlock, and ours replay it. */
  readonly replay: boolean
  /** Gives our engine another block than the oracle, so that a test sees the comparison fail. */
  readonly disturb?: ((environment: BlockEnvironment) => BlockEnvironment) | undefined
  /** Default: as fast as it gets, sharing what pure functions are compared elsewhere. */
  readonly oracle?: Pick<OracleOptions, 'crypto' | 'verifyPoint'>
}

/** Executes a scenario with the oracle and with our engine and compares them block by block. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<ScenarioRun> {
  const run = await openRun(scenario, options)
  let cases = 0
  let accepted = 0
  let gasUsed = 0n
  for (const [index, block] of scenario.blocks.entries()) {
    const outcome = await runBlock(run, index, block)
    cases += block.transactions.length
    accepted += outcome.accepted
    gasUsed += outcome.gasUsed
    if (outcome.difference !== undefined) return { difference: { block: index, ...outcome.difference }, cases, accepted, gasUsed }
  }
  return { difference: undefined, cases, accepted, gasUsed }
}

type Found = Omit<Difference, 'block'> | undefined

type Run = {
  readonly options: RunOptions
  readonly oracle: Oracle
  readonly executor: Executor
  readonly hashes: Map<bigint, Hex>
  parent: Header
  hash: Hex
}

async function openRun(scenario: Scenario, options: RunOptions): Promise<Run> {
  const hashes = new Map<bigint, Hex>()
  const oracle = await createOracle({
    chainId: BigInt(CHAIN_ID),
    db: memoryOracleDb(),
    blockHash: (height) => hashes.get(height),
    ...(options.oracle ?? { crypto: 'shared', verifyPoint: verifyKzgProof }),
  })
  const executor = createExecutor({ kv: memoryKv(), chainId: BigInt(CHAIN_ID), engine: await loadEngine(options.engine) })
  const allocation = allocationOf(scenario)
  const genesis = await executor.genesis({ allocation, environment: GENESIS })
  executor.commit(genesis)
  const root = await oracle.genesis(allocation)
  assert(root === genesis.header.stateRoot, `genesis of seed ${scenario.seed}: ours ${genesis.header.stateRoot}, oracle ${root}`)
  hashes.set(0n, genesis.hash)
  return { options, oracle, executor, hashes, parent: genesis.header, hash: genesis.hash }
}

const GENESIS: BlockEnvironment = {
  height: 0n,
  parentHash: `0x${'00'.repeat(32)}`,
  timestampSeconds: 1_700_000_000n,
  // Room for calls to the limit of depth, which need some 10^10.
  gasLimit: 1_000_000_000_000n,
  baseFeePerGas: 1_000_000_000n,
  beneficiary: `0x${'00'.repeat(20)}`,
  prevRandao: `0x${'ab'.repeat(32)}`,
  extraData: `0x${'ed'.repeat(32)}`,
}

function allocationOf({ accounts }: Scenario): GenesisAllocation {
  const given = Object.entries(accounts).map(([address, { balance, nonce, program, storage }]) => [
    address,
    {
      balance: BigInt(balance),
      ...(nonce !== undefined && { nonce: BigInt(nonce) }),
      ...(program !== undefined && { code: `0x${assemble(program)}` }),
      ...(storage !== undefined && { storage }),
    },
  ])
  return { ...SYSTEM_CONTRACTS, ...(Object.fromEntries(given) as GenesisAllocation) }
}

type BlockOutcome = { readonly difference: Found; readonly accepted: number; readonly gasUsed: bigint }

async function runBlock(run: Run, index: number, spec: ScenarioBlock): Promise<BlockOutcome> {
  const { parent, executor } = run
  const environment: BlockEnvironment = {
    ...GENESIS,
    height: parent.height + 1n,
    parentHash: run.hash,
    timestampSeconds: parent.timestampSeconds + BigInt(index),
    baseFeePerGas: BigInt(spec.baseFee),
    beneficiary: spec.beneficiary,
  }
  const theirs = await executeByOracle(run, environment, spec)
  const decoded = theirs.raw.map(decode)
  const candidates = decoded.filter((transaction) => typeof transaction !== 'string')
  const { block, refusals } = await executor.build({
    parent,
    environment: run.options.disturb?.(environment) ?? environment,
    candidates,
  })
  const refused = new Map<Transaction, string>(refusals.map(({ transaction, reason }) => [transaction, reason]))
  const gasUsed = block.header.gasUsed
  const accepted = block.transactions.length
  const done = (difference: Found): BlockOutcome => ({ difference, accepted, gasUsed })

  let position = 0
  for (const [at, transaction] of decoded.entries()) {
    const reason = typeof transaction === 'string' ? transaction : refused.get(transaction)
    const outcome = theirs.outcomes[at] as OracleOutcome
    const receipt = reason === undefined ? block.receipts[position++] : undefined
    const found = compareOutcome(receipt, reason, outcome)
    if (found !== undefined) return done({ transaction: at, ...found })
  }
  if (block.header.stateRoot !== theirs.stateRoot) {
    return done({ field: 'stateRoot', ours: block.header.stateRoot, oracle: theirs.stateRoot })
  }
  const found = await compareMore(run, { environment, block, theirs, decoded, refused })
  if (found !== undefined) return done(found)
  executor.commit(block)
  run.parent = block.header
  run.hash = block.hash
  run.hashes.set(environment.height, block.hash)
  return done(undefined)
}

type Theirs = {
  readonly raw: readonly Uint8Array[]
  readonly outcomes: readonly OracleOutcome[]
  readonly frames: readonly OracleFrame[][]
  readonly stateRoot: Hex
}

async function executeByOracle(
  { oracle, parent, options }: Run,
  environment: BlockEnvironment,
  spec: ScenarioBlock,
): Promise<Theirs> {
  const block = await oracle.open(parent.stateRoot, environment)
  const raw: Uint8Array[] = []
  const outcomes: OracleOutcome[] = []
  const frames: OracleFrame[][] = []
  for (const transaction of spec.transactions) {
    const bytes = await signTransaction(transaction, { baseFee: BigInt(spec.baseFee), nonceOf: block.nonceOf })
    const seen: OracleFrame[] = []
    raw.push(bytes)
    outcomes.push(await block.execute(bytes, options.frames ? seen : undefined))
    frames.push(seen)
  }
  return { raw, outcomes, frames, stateRoot: await block.seal() }
}

function decode(raw: Uint8Array): Transaction | string {
  try {
    return decodeTransaction(raw, { chainId: BigInt(CHAIN_ID) })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function compareOutcome(receipt: Receipt | undefined, reason: string | undefined, outcome: OracleOutcome): Found {
  if (receipt === undefined || 'refused' in outcome) {
    // For which of several reasons it cannot stand depends on the order of checks, which no block shows.
    if (receipt === undefined && 'refused' in outcome) return undefined
    return {
      field: 'accepted',
      ours: receipt === undefined ? `refused: ${reason ?? 'left out'}` : 'accepted',
      oracle: 'refused' in outcome ? `refused: ${outcome.refused}` : 'accepted',
    }
  }
  return compareReceipt(receipt, outcome)
}

function compareReceipt(receipt: Receipt, outcome: OracleResult): Found {
  const pairs: [string, unknown, unknown][] = [
    ['status', receipt.status, outcome.status],
    ['gasUsed', receipt.gasUsed, outcome.gasUsed],
    ['logs', JSON.stringify(receipt.logs), JSON.stringify(outcome.logs)],
  ]
  if (receipt.contractAddress !== null && receipt.status === 1) {
    pairs.push(['contractAddress', receipt.contractAddress, outcome.contractAddress])
  }
  for (const [field, ours, oracle] of pairs) if (ours !== oracle) return { field, ours: String(ours), oracle: String(oracle) }
  return undefined
}

type Executed = {
  readonly environment: BlockEnvironment
  readonly block: Awaited<ReturnType<Executor['build']>>['block']
  readonly theirs: Theirs
  readonly decoded: readonly (Transaction | string)[]
  readonly refused: ReadonlyMap<Transaction, string>
}

async function compareMore(run: Run, executed: Executed): Promise<Found> {
  const { options, oracle, parent, executor } = run
  const { environment, block, theirs, decoded, refused } = executed
  if (options.frames) {
    const traces = await executor.trace({
      stateRoot: parent.stateRoot,
      environment,
      transactions: block.transactions,
      config: { tracer: 'callTracer' },
    })
    let position = 0
    for (const [at, transaction] of decoded.entries()) {
      if (typeof transaction === 'string' || refused.has(transaction)) continue
      const ours = traces[position++]?.result as CallFrame
      const found = compareFrames(ours, theirs.frames[at] ?? [], theirs.outcomes[at] as OracleResult)
      if (found !== undefined) return { transaction: at, ...found }
    }
  }
  if (!options.replay) return undefined
  const again = await oracle.block(
    parent.stateRoot,
    environment,
    block.transactions.map(({ raw }) => raw),
  )
  for (const field of ['receiptsRoot', 'logsBloom', 'gasUsed', 'stateRoot'] as const) {
    if (again[field] !== block.header[field]) {
      return { field: `runBlock ${field}`, ours: String(block.header[field]), oracle: String(again[field]) }
    }
  }
  return undefined
}
