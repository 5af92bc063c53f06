import { type Hex, ZerogError } from '@zerog/primitives'
import { addresses, DEVNET_CHAIN_ID } from '../addresses.ts'
import { fineTuningServing } from '../artifacts/fine-tuning-serving.ts'
import { inferenceServing } from '../artifacts/inference-serving.ts'
import { ledgerManager } from '../artifacts/ledger-manager.ts'
import { modelRegistry } from '../artifacts/model-registry.ts'
import { receiptAnchor } from '../artifacts/receipt-anchor.ts'
import { signerPolicy } from '../artifacts/signer-policy.ts'
import type { GenesisAccount } from '../genesis-account.ts'
import { arraySlot, mappingSlot, storageSlots, textAt, values } from '../storage-slots.ts'

export type ComputeParameters = {
  /** Registers services, acknowledges and revokes signers, sets lock time, stake rules and policy. */
  readonly owner: Hex
  /** Seconds until a refund that was asked for is paid: 1 hour to 7 days. */
  readonly lockSeconds: bigint
  /** Seconds from the removal of a service until its stake can be taken: 1 minute to 90 days. */
  readonly unbondingSeconds: bigint
  /** A settlement is open until the end of the window after its own; up to 7 days. */
  readonly settlementWindowSeconds: bigint
  /** Open fees of a provider are at most this share of its stake, in 1/10,000. */
  readonly exposureCapBps: bigint
  /** What a user pays for a fine-tuned model that he does not acknowledge, percent of the fee. */
  readonly penaltyPercentage: bigint
}

/** 0G's lock time and penalty; a week of unbonding, and never more open fees than stake. */
export const COMPUTE_DEFAULTS = {
  lockSeconds: 86_400n,
  unbondingSeconds: 7n * 86_400n,
  settlementWindowSeconds: 3_600n,
  exposureCapBps: 10_000n,
  penaltyPercentage: 30n,
} as const

/** On the devnet nobody waits for days. */
const DEVNET_DEFAULTS = { ...COMPUTE_DEFAULTS, lockSeconds: 3_600n, unbondingSeconds: 120n, settlementWindowSeconds: 30n }

const RANGES: readonly [keyof ComputeParameters, bigint, bigint][] = [
  ['lockSeconds', 3_600n, 604_800n],
  ['unbondingSeconds', 60n, 7_776_000n],
  ['settlementWindowSeconds', 1n, 604_800n],
  ['exposureCapBps', 1n, 1_000_000n],
  ['penaltyPercentage', 0n, 100n],
]

/** As 0G deploys them: two services of version v1.0, both recommended. */
const SERVICES = [
  { contract: 'inferenceServing', type: 'inference' },
  { contract: 'fineTuningServing', type: 'fine-tuning' },
] as const

/**
 * Anchor, model registry and signer policy, and unless `chainOnly` the ledger with its two services. @throws ZerogError CONFIG_INVALID
 */
export function computeContracts(
  { chainId, chainOnly }: { readonly chainId: bigint; readonly chainOnly: boolean },
  options: Partial<ComputeParameters> & Pick<ComputeParameters, 'owner'>,
): Record<Hex, GenesisAccount> {
  const parameters = { ...(chainId === DEVNET_CHAIN_ID ? DEVNET_DEFAULTS : COMPUTE_DEFAULTS), ...options }
  for (const [name, min, max] of RANGES) {
    const value = BigInt(parameters[name])
    if (value >= min && value <= max) continue
    const message = `compute.${name} must be from ${min} to ${max}, not ${value}`
    throw new ZerogError('CONFIG_INVALID', { message, metadata: { name: `compute.${name}` } })
  }
  const at = addresses({ chainId })
  const everywhere = {
    [at.receiptAnchor]: contract(
      receiptAnchor.deployedBytecode,
      storageSlots(receiptAnchor.storage, { daEntrance: BigInt(at.daEntrance) }),
    ),
    [at.modelRegistry]: contract(modelRegistry.deployedBytecode, {}),
    [at.signerPolicy]: contract(
      signerPolicy.deployedBytecode,
      storageSlots(signerPolicy.storage, { owner: BigInt(parameters.owner), initialized: 1n }),
    ),
  }
  // A devnet without compute leaves these addresses to whoever deploys 0G's contracts there.
  if (chainOnly && chainId === DEVNET_CHAIN_ID) return everywhere
  const serving = {
    owner: BigInt(parameters.owner),
    initialized: 1n,
    lockTime: parameters.lockSeconds,
    ledgerAddress: BigInt(at.ledgerManager),
    signerPolicy: BigInt(at.signerPolicy),
    'stakeRules.unbondingSeconds': parameters.unbondingSeconds,
    'stakeRules.windowSeconds': parameters.settlementWindowSeconds,
    'stakeRules.exposureCapBps': parameters.exposureCapBps,
  }
  return {
    ...everywhere,
    [at.ledgerManager]: contract(ledgerManager.deployedBytecode, {
      ...storageSlots(ledgerManager.storage, { owner: BigInt(parameters.owner), initialized: 1n }),
      ...registeredServices(chainId),
    }),
    [at.inferenceServing]: contract(inferenceServing.deployedBytecode, storageSlots(inferenceServing.storage, serving)),
    [at.fineTuningServing]: contract(
      fineTuningServing.deployedBytecode,
      storageSlots(fineTuningServing.storage, { ...serving, penaltyPercentage: parameters.penaltyPercentage }),
    ),
  }
}

/** What `registerService` and `setRecommendedService` leave behind at time 0. */
function registeredServices(chainId: bigint): Record<Hex, Hex> {
  const layout = ledgerManager.storage
  const at = addresses({ chainId })
  const storage = values(BigInt(layout['serviceKeys.keys'].slot), [BigInt(SERVICES.length)])
  for (const [index, { contract: name, type }] of SERVICES.entries()) {
    const address = BigInt(at[name])
    const fullName = `${type}-v1.0`
    const info = mappingSlot(layout.services.slot, address)
    const texts = [type, 'v1.0', fullName, `${type} serving service v1.0`]
    Object.assign(
      storage,
      values(info, [address, address]),
      ...texts.map((text, place) => textAt(info + 2n + BigInt(place), text)),
      // isRecommended; registeredAt is 0
      values(info + 6n, [1n]),
      values(mappingSlot(layout.serviceByName.slot, fullName), [address]),
      values(mappingSlot(layout.recommended.slot, type), [address]),
      values(arraySlot(BigInt(layout['serviceKeys.keys'].slot)) + BigInt(index), [address]),
      values(mappingSlot(layout['serviceKeys.places'].slot, address), [BigInt(index + 1)]),
    )
  }
  return storage
}

function contract(code: Hex, storage: Record<Hex, Hex>): GenesisAccount {
  return { balance: 0n, nonce: 1n, code, storage }
}
