import { z } from 'zod'

export const GAS_LIMIT_DEFAULT = 60_000_000n
/** As DASigners counts epochs. */
const EPOCH_LENGTH_DEFAULT = 28_800
/** 2025-01-01: the same on every machine, so the same genesis hash. */
export const GENESIS_TIMESTAMP_SECONDS = 1_735_689_600n

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/, 'expected 0x and 40 hexadecimal digits')

/** What every node of one chain must be given alike: it decides the genesis hash and the rules. */
const networkFields = {
  chainOnly: z
    .boolean()
    .default(false)
    .describe('only the chain, without the layers above: development methods are offered and account 0 starts at nonce 0'),
  gasLimit: z.int().min(5_000_000).max(10_000_000_000).default(Number(GAS_LIMIT_DEFAULT)).describe('gas of a block, fixed'),
  baseFee: z.enum(['constant', 'eip1559']).default('constant').describe('base fee: constant 1 gwei, or the rule of EIP-1559'),
  baseFeeChangeDenominator: z
    .int()
    .min(2)
    .max(1_000_000)
    .default(8)
    .describe('EIP-1559: a full block raises the base fee by one part in this many; production scales 8 by 12 s / block time'),
  genesisTimestampSeconds: z
    .int()
    .min(0)
    .default(Number(GENESIS_TIMESTAMP_SECONDS))
    .describe('timestamp of block 0, seconds since 1970'),
  validatorPublicKeys: z
    .array(z.string().regex(/^0x[0-9a-fA-F]{96}$/, 'expected 0x and 96 hexadecimal digits'))
    .max(1)
    .default([])
    .describe('BLS public key of the validator, 48 bytes; may be left out on the development network only'),
  epochLength: z
    .int()
    .min(2)
    .max(10_000_000)
    .default(EPOCH_LENGTH_DEFAULT)
    .describe('blocks of an epoch: one validator set votes on them'),
  beneficiary: address.default(`0x${'00'.repeat(20)}`).describe('address that receives the tips'),
  fundedAccounts: z.array(address).max(10_000).default([]).describe('further accounts with 10,000 coins at genesis'),
  daMembers: z
    .int()
    .min(0)
    .max(16)
    .default(0)
    .describe('members of the development network’s DA committee, with the public keys of da-node instances 0 to n - 1'),
  storageOwner: address
    .nullable()
    .default(null)
    .describe('owner of the storage contracts; required outside of the development network'),
  sendWaitMs: z
    .int()
    .min(0)
    .max(10_000)
    .default(0)
    .describe('the answer to eth_sendRawTransaction waits so long for the block, ms; for chains that seal on demand'),
  minTipWei: z.int().min(0).default(0).describe('lowest tip that the pool accepts, wei per gas; replicas announce the same'),
}

/** States that calls, proofs and traces can ask for: as far back as BLOCKHASH's contract looks (EIP-2935). */
const HISTORY_BLOCKS_DEFAULT = 8_192
const HISTORY_BLOCKS_MIN = 64

/** Of each node for itself. */
const nodeFields = {
  history: z
    .union([z.literal('archive'), z.int().min(HISTORY_BLOCKS_MIN).max(1_000_000_000)])
    .default(HISTORY_BLOCKS_DEFAULT)
    .describe(
      'blocks whose states are kept for calls, proofs and traces; archive keeps all. Blocks and receipts are always kept',
    ),
  verifyWith: z
    .enum(['ethereumjs'])
    .nullable()
    .default(null)
    .describe('executes every block a second time with @ethereumjs/vm before it is announced; a difference stops the node'),
}

export const validatorConfig = z.strictObject({
  ...networkFields,
  ...nodeFields,
  blockTimeMs: z
    .int()
    .min(0)
    .max(3_600_000)
    .default(0)
    .describe('time between blocks, ms; 0 makes a block as soon as there is something to put into it'),
  validatorKey: z
    .string()
    .regex(/^0x[0-9a-fA-F]{64}$/, 'expected 0x and 64 hexadecimal digits')
    .nullable()
    .default(null)
    .meta({ secret: true })
    .describe('BLS secret key, 32 bytes; null uses the public development key, on the development network only'),
  poolTransactionsMax: z.int().min(1).max(1_000_000).default(20_000).describe('transactions that may wait'),
  poolBytesMax: z
    .int()
    .min(131_072)
    .default(64 * 1024 * 1024)
    .describe('bytes of transactions that may wait'),
  poolSenderTransactionsMax: z.int().min(1).max(100_000).default(2_048).describe('transactions of one sender that may wait'),
})

export const rpcConfig = z.strictObject({
  ...networkFields,
  ...nodeFields,
  delayMs: z.int().min(0).max(600_000).default(0).describe('shows blocks this much later, ms: to test lagging replicas'),
  lagBlocksMax: z.int().min(1).default(32).describe('not ready while more blocks than this are received but not shown'),
})

export type ValidatorConfig = z.output<typeof validatorConfig>
export type NetworkConfig = Pick<ValidatorConfig, keyof typeof networkFields>
export type NodeConfig = NetworkConfig & Pick<ValidatorConfig, keyof typeof nodeFields>
