import {
  createExecutor,
  createSenderRecovery,
  decodeTransaction,
  environmentOf,
  type History,
  nextBaseFee,
  type SenderRecovery,
  type Transaction,
} from '@zerog/evm'
import type { Clock, Kv, Logger } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import type { PoolLimits } from '../core/mempool.ts'
import type { ChainBlock } from './block-store.ts'
import type { ChainBackend, Submitted } from './chain-backend.ts'
import { createDevControls, type Impersonation, impersonatedSender, impersonatedSignature } from './dev-controls.ts'
import { type DevelopmentKey, developmentSigner } from './development-signer.ts'
import { finalityOf } from './finality.ts'
import { guardedKv } from './guarded-kv.ts'
import type { Crypto, Network } from './network.ts'
import { hashOf, openPool } from './pool.ts'
import { createProducer, type Sealing } from './producer.ts'
import { type OnVerified, openVerifiedLedger } from './verified-ledger.ts'
import { createVoting } from './voting.ts'

export type ValidatorOptions = {
  readonly network: Network
  /** BLS secret key of the one validator. */
  readonly secretKey: Uint8Array
  readonly sealing: Sealing
  readonly tipMinWei: bigint
  /** How many blocks back states are kept. Default: all. */
  readonly history?: History
  readonly poolLimits?: Partial<PoolLimits>
  /** Public development keys that this node signs with; empty outside of 31337. */
  readonly accounts: readonly DevelopmentKey[]
  /** Time travel, revert, impersonation: only when no other layer relies on finality. */
  readonly dev: boolean
}

export type ValidatorDeps = {
  readonly kv: Kv
  readonly crypto: Crypto
  readonly clock: Clock
  readonly logger: Logger
  readonly onSealed?: (block: ChainBlock, durationMs: number) => void
  /** With it every block is executed a second time by @ethereumjs/vm. Not together with `dev`, whose methods no rule allows. */
  readonly onVerified?: OnVerified
  /** Default: on this thread. */
  readonly recovery?: SenderRecovery
  readonly fatal: (error: unknown) => void
}

export type Validator = Awaited<ReturnType<typeof openValidator>>

/** Opens the chain in `kv` and goes on with it: same head, same pool. */
export async function openValidator(options: ValidatorOptions, deps: ValidatorDeps) {
  const { network, secretKey, sealing, tipMinWei, poolLimits, accounts } = options
  const { crypto, clock, logger, fatal, recovery = createSenderRecovery({ threads: 0 }) } = deps
  const kv = guardedKv(deps.kv, fatal)
  const { ledger, executor } = await openVerifiedLedger(network, {
    kv,
    executor: createExecutor({
      kv,
      chainId: network.chainId,
      baseFee: network.baseFee,
      contractSenders: options.dev,
      ...(options.history !== undefined && { history: options.history }),
    }),
    crypto,
    logger,
    onVerified: deps.onVerified,
  })
  const rules = { blockGasLimit: network.gasLimit, tipMin: tipMinWei }
  const pool = await openPool(
    { chainId: network.chainId, rules, contractSenders: options.dev, ...(poolLimits !== undefined && { limits: poolLimits }) },
    { kv, executor, ledger, logger, blockUnderway: () => producer.underway() },
  )
  const voting = createVoting({ network, secretKey }, { crypto, head: ledger.head })
  const producer = createProducer(
    { network, sealing },
    {
      ledger,
      pool,
      voting,
      executor,
      crypto,
      clock,
      logger,
      fatal,
      arrivals: recovery,
      ...(deps.onSealed !== undefined && { onSealed: deps.onSealed }),
    },
  )
  const impersonation: Impersonation = new Set()
  const signer = developmentSigner(accounts)

  const submitAll = async (raws: readonly Uint8Array[]): Promise<readonly Submitted[]> => {
    // Stand-in signatures are nobody's: they are looked at one by one.
    if (impersonation.size > 0) return pool.submitAll(raws.map(decodeStandIn))
    return pool.submitAll(await recovery.decodeAll(raws, { chainId: network.chainId }))
  }
  const decodeStandIn = (raw: Uint8Array): Transaction | { readonly error: unknown } => {
    try {
      return decodeSubmitted(raw, network.chainId, impersonation)
    } catch (error) {
      return { error }
    }
  }

  const blockByHeight = (height: bigint) => (height > ledger.head().header.height ? undefined : ledger.store.byHeight(height))

  const backend: ChainBackend = {
    chainId: network.chainId,
    executor,
    head: ledger.head,
    blockByHeight,
    blockByHash: (hash) => visible(ledger.store.byHash(hash), ledger.head()),
    transaction: (hash) => {
      const found = ledger.store.transaction(hash)
      return found !== undefined && found.block.header.height <= ledger.head().header.height ? found : undefined
    },
    blocksWithLogs: ledger.store.blocksWithLogs,
    callEnvironment: (block, tag) =>
      tag === 'at' ? environmentOf(block.header) : producer.pendingEnvironment(block as ChainBlock),
    nextBaseFee: (block) => nextBaseFee(block.header, network.baseFee),
    minPriorityFee: () => tipMinWei,
    submit: async (raw) => hashOf((await submitAll([raw]))[0]),
    submitAll,
    pendingNonce: pool.pendingNonce,
    pooled: async (hash) => pool.get(hash),
    poolContent: async () => pool.content(),
    finality: (height) => finalityOf(network, height, blockByHeight),
    onBlock: ledger.onBlock,
    onPooled: pool.onPooled,
    waitForHeight: ledger.waitForHeight,
    get accounts() {
      return [...new Set([...signer.accounts, ...impersonation])]
    },
    sign: async (address, payload) => {
      const name = address.toLowerCase() as Hex
      return impersonation.has(name) ? impersonatedSignature(name) : signer.sign(name, payload)
    },
    ...(options.dev && { dev: createDevControls({ kv, executor, ledger, pool, voting, producer, impersonation }) }),
  }
  return { backend, ledger, pool, producer, executor, stop: producer.stop }
}

/** Only the stand-in signature of an account that is being impersonated right now passes without a key. */
function decodeSubmitted(raw: Uint8Array, chainId: bigint, impersonation: Impersonation): Transaction {
  const [any] = impersonation
  if (any === undefined) return decodeTransaction(raw, { chainId })
  const sender = impersonatedSender(decodeTransaction(raw, { chainId, sender: any }))
  return decodeTransaction(raw, { chainId, ...(sender !== undefined && impersonation.has(sender) && { sender }) })
}

function visible(block: ChainBlock | undefined, head: ChainBlock): ChainBlock | undefined {
  return block !== undefined && block.header.height <= head.header.height ? block : undefined
}
