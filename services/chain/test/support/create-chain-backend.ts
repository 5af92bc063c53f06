import { memoryKv, systemClock } from '@zerog/adapters'
import { developmentAccounts } from '@zerog/contracts'
import type { BaseFeePolicy, History, SenderRecovery } from '@zerog/evm'
import type { Clock, Kv, Logger } from '@zerog/ports'
import { silentLogger } from '@zerog/runtime'
import { nodeCrypto } from '../../src/adapters/crypto.ts'
import { developmentSecretKey } from '../../src/adapters/development-key.ts'
import type { Network } from '../../src/app/network.ts'
import { networkFromConfig } from '../../src/app/network-from-config.ts'
import type { Sealing } from '../../src/app/producer.ts'
import { openValidator, type Validator } from '../../src/app/validator.ts'
import type { OnVerified } from '../../src/app/verified-ledger.ts'
import { rpcConfig } from '../../src/config.ts'

export type ChainBackendOptions = {
  /** Default: a fresh one in memory. */
  readonly kv?: Kv
  /** Default: as soon as something can be executed. */
  readonly sealing?: Sealing
  readonly baseFee?: BaseFeePolicy
  readonly gasLimit?: bigint
  readonly epochLength?: bigint
  readonly tipMinWei?: bigint
  /** Development controls, and account 0 at nonce 0. Default true. */
  readonly chainOnly?: boolean
  /** Further settings of the network, e.g. `daMembers`: to open what a devnet wrote, they must be its own. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** How many blocks back states are kept. Default: all. */
  readonly history?: History
  /** Default: senders are recovered on this thread. */
  readonly recovery?: SenderRecovery
  readonly clock?: Clock
  readonly logger?: Logger
  readonly fatal?: (error: unknown) => void
  /** Turns the second execution of every block on. */
  readonly onVerified?: OnVerified
}

/** A whole devnet chain in this process, without module, gRPC or HTTP: for tests and benches. Stop it with `stop`. */
export async function createChainBackend(options: ChainBackendOptions = {}): Promise<Validator & { readonly network: Network }> {
  const { chainOnly = true, sealing = { kind: 'demand' } } = options
  const secretKey = developmentSecretKey()
  const described = networkFromConfig(rpcConfig.parse({ ...options.settings, chainOnly }), {
    chainId: 31337n,
    development: true,
    developmentPublicKey: () => nodeCrypto.bls.publicKey(secretKey),
  })
  const network: Network = {
    ...described,
    ...(options.baseFee !== undefined && { baseFee: options.baseFee }),
    ...(options.gasLimit !== undefined && { gasLimit: options.gasLimit }),
    ...(options.epochLength !== undefined && { epochLength: options.epochLength }),
  }
  const validator = await openValidator(
    {
      network,
      secretKey,
      sealing,
      tipMinWei: options.tipMinWei ?? 0n,
      ...(options.history !== undefined && { history: options.history }),
      accounts: developmentAccounts(),
      dev: chainOnly,
    },
    {
      kv: options.kv ?? memoryKv(),
      crypto: nodeCrypto,
      clock: options.clock ?? systemClock,
      logger: options.logger ?? silentLogger,
      ...(options.onVerified !== undefined && { onVerified: options.onVerified }),
      ...(options.recovery !== undefined && { recovery: options.recovery }),
      fatal:
        options.fatal ??
        ((error) => {
          throw error
        }),
    },
  )
  return { ...validator, network }
}
