import { DEVELOPMENT_BALANCE_WEI, developmentDaMembers, genesisAllocation } from '@zerog/contracts'
import { DEVNET_BASE_FEE, SYSTEM_CONTRACTS } from '@zerog/evm'
import { fromHex, type Hex, ZerogError } from '@zerog/primitives'
import type { NetworkConfig } from '../config.ts'
import type { Network } from './network.ts'

/** The network that a configuration describes. Throws CONFIG_INVALID where a network of its own needs what only development has. */
export function networkFromConfig(
  config: NetworkConfig,
  identity: { readonly chainId: bigint; readonly development: boolean; readonly developmentPublicKey: () => Uint8Array },
): Network {
  const { chainId, development } = identity
  if (config.chainOnly && !development) throw invalid('chainOnly', 'is for the development network 31337')
  if (config.daMembers > 0 && !development) throw invalid('daMembers', 'have public keys: for the development network 31337 only')
  const [given] = config.validatorPublicKeys
  if (given === undefined && !development) {
    throw invalid(
      'validatorPublicKeys',
      'must name the validator of this network; zerog chain validator-key prints the public key of a key',
    )
  }
  const publicKey = given === undefined ? identity.developmentPublicKey() : fromHex(given, 48)
  const allocation = genesisAllocation({
    chainId,
    development,
    chainOnly: config.chainOnly,
    accounts: config.fundedAccounts.map((address) => ({ address: address as Hex, balance: DEVELOPMENT_BALANCE_WEI })),
    ...(config.daMembers > 0 && { da: { members: developmentDaMembers(config.daMembers) } }),
    ...(config.storageOwner !== null && { storage: { owner: config.storageOwner as Hex } }),
  })
  return {
    chainId,
    allocation: { ...SYSTEM_CONTRACTS, ...allocation },
    genesisTimestampSeconds: BigInt(config.genesisTimestampSeconds),
    gasLimit: BigInt(config.gasLimit),
    baseFee:
      config.baseFee === 'constant'
        ? DEVNET_BASE_FEE
        : { kind: 'eip1559', changeDenominator: BigInt(config.baseFeeChangeDenominator) },
    validators: [{ publicKey, stake: 1n }],
    epochLength: BigInt(config.epochLength),
    beneficiary: config.beneficiary.toLowerCase() as Hex,
  }
}

function invalid(field: string, problem: string): ZerogError {
  return new ZerogError('CONFIG_INVALID', { message: `${field} ${problem}`, metadata: { field } })
}
