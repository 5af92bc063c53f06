import { daEntrance } from './artifacts/da-entrance.ts'
import { daSigners } from './artifacts/da-signers.ts'
import { demoToken } from './artifacts/demo-token.ts'
import { fineTuningServing } from './artifacts/fine-tuning-serving.ts'
import { flow } from './artifacts/flow.ts'
import { greeter } from './artifacts/greeter.ts'
import { inferenceServing } from './artifacts/inference-serving.ts'
import { ledgerManager } from './artifacts/ledger-manager.ts'
import { market } from './artifacts/market.ts'
import { modelRegistry } from './artifacts/model-registry.ts'
import { receiptAnchor } from './artifacts/receipt-anchor.ts'
import { signerPolicy } from './artifacts/signer-policy.ts'

export {
  addresses,
  COMPUTE_ADDRESSES,
  DEVNET_CHAIN_ID,
  DEVNET_COMPUTE_ADDRESSES,
  type NetworkAddresses,
  PREDEPLOY_ADDRESSES,
  SYSTEM_ADDRESSES,
} from './addresses.ts'
export { COMPUTE_DEFAULTS, type ComputeParameters } from './compute/genesis.ts'
export {
  affineKey,
  type CallContract,
  type CertifiedWindow,
  type EncodedSubmission,
  encodeRegisterKey,
  encodeSubmitCertificates,
  readCommittee,
  readEpoch,
} from './da/calls.ts'
export { developmentDaMembers } from './da/development.ts'
export {
  type EpochSchedule,
  encodeLeaveCommittee,
  encodeMakeEpoch,
  encodeSetVotes,
  encodeUpdateSocket,
  readEpochSchedule,
} from './da/epochs.ts'
export { DA_DEFAULTS, type DaParameters } from './da/genesis.ts'
export {
  DEVELOPMENT_ACCOUNT_COUNT,
  DEVELOPMENT_MNEMONIC,
  type DevelopmentAccount,
  type DevelopmentDaNode,
  developmentAccounts,
  developmentDaNode,
  developmentDisperser,
} from './development.ts'
export {
  DEVELOPMENT_BALANCE_WEI,
  type GenesisOptions,
  genesisAllocation,
  STORAGE_DEFAULTS,
  type StorageParameters,
} from './genesis.ts'
export type { GenesisAccount, GenesisAllocation } from './genesis-account.ts'

/** ABIs as viem infers types from. */
export const flowAbi = flow.abi
export const marketAbi = market.abi
export const daSignersAbi = daSigners.abi
export const daEntranceAbi = daEntrance.abi
export const ledgerManagerAbi = ledgerManager.abi
export const inferenceServingAbi = inferenceServing.abi
export const fineTuningServingAbi = fineTuningServing.abi
export const receiptAnchorAbi = receiptAnchor.abi
export const modelRegistryAbi = modelRegistry.abi
export const signerPolicyAbi = signerPolicy.abi
export const greeterAbi = greeter.abi
export const demoTokenAbi = demoToken.abi

/** ABI, creation and runtime code, storage layout. */
export const artifacts = {
  daEntrance,
  daSigners,
  demoToken,
  fineTuningServing,
  flow,
  greeter,
  inferenceServing,
  ledgerManager,
  market,
  modelRegistry,
  receiptAnchor,
  signerPolicy,
} as const
