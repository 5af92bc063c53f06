import { memoryKv, systemClock } from '@zerog/adapters'
import { developmentAccounts, genesisAllocation } from '@zerog/contracts'
import { type BaseFeePolicy, DEVNET_BASE_FEE, SYSTEM_CONTRACTS } from '@zerog/evm'
import type { Clock, Kv, Logger } from '@zerog/ports'
import { silentLogger } from '@zerog/runtime'
import { blsSecretKey } from './adapters/bls/blst.ts'
import { nodeCrypto } from './adapters/crypto.ts'
import type { Network } from './app/network.ts'
import type { Sealing } from './app/producer.ts'
import { openValidator, type Validator } from './app/validator.ts'
import { GAS_LIMIT_DEFAULT, GENESIS_TIMESTAMP_SECONDS } from './config.ts'

export type ChainBackendOptions = {
  /** Default: a fresh one in memory. */
  readonly kv?: Kv
  /** Default 31337, with the public development accounts. */
  readonly chainId?: bigint
  /** Default: as soon as something can be executed. */
  readonly sealing?: Sealing
  readonly baseFee?: BaseFeePolicy
  readonly gasLimit?: bigint
  readonly tipMinWei?: bigint
  /** Development controls, and account 0 at nonce 0. Default true. */
  readonly chainOnly?: boolean
  readonly clock?: Clock
  readonly logger?: Logger
  readonly fatal?: (error: unknown) => void
}

/** A whole devnet chain in this process, without module, gRPC or HTTP: for tests and benches. Stop it with `stop`. */
export async function createChainBackend(options: ChainBackendOptions = {}): Promise<Validator & { readonly network: Network }> {
  const { chainId = 31337n, chainOnly = true, sealing = { kind: 'demand' } } = options
  const secretKey = developmentSecretKey()
  const network = developmentNetwork({ ...options, chainId, chainOnly })
  const validator = await openValidator(
    { network, secretKey, sealing, tipMinWei: options.tipMinWei ?? 0n, accounts: developmentAccounts(), dev: chainOnly },
    {
      kv: options.kv ?? memoryKv(),
      crypto: nodeCrypto,
      clock: options.clock ?? systemClock,
      logger: options.logger ?? silentLogger,
      fatal:
        options.fatal ??
        ((error) => {
          throw error
        }),
    },
  )
  return { ...validator, network }
}

/** The public key pair of the development network's validator. */
export function developmentSecretKey(): Uint8Array {
  return blsSecretKey(new TextEncoder().encode('zerog development validator 0, public key material'))
}

function developmentNetwork(options: ChainBackendOptions & { readonly chainId: bigint; readonly chainOnly: boolean }): Network {
  const { chainId, chainOnly } = options
  return {
    chainId,
    allocation: { ...SYSTEM_CONTRACTS, ...genesisAllocation({ chainId, development: chainId === 31337n, chainOnly }) },
    genesisTimestampSeconds: GENESIS_TIMESTAMP_SECONDS,
    gasLimit: options.gasLimit ?? GAS_LIMIT_DEFAULT,
    baseFee: options.baseFee ?? DEVNET_BASE_FEE,
    validators: [{ publicKey: nodeCrypto.bls.publicKey(developmentSecretKey()), stake: 1n }],
    beneficiary: '0x0000000000000000000000000000000000000000',
  }
}
