import { bigintToBytes, concatBytes, type Hex, keccak256, toHex } from '@zerog/primitives'

/**
 * Where the contracts of compute keep what evidence proves (docs/spec/receipt.md): keys for `eth_getProof` and how to read the values.
 * A test of the contracts compares them with the compiler's layout.
 */
export const EVIDENCE_SLOTS = {
  inferenceSigners: 13,
  fineTuningSigners: 13,
  inferenceSettlements: 16,
  anchors: 1,
  models: 0,
} as const

export type SignerEntry = { readonly signer: Hex; readonly acknowledged: boolean; readonly registered: boolean }
export type SettlementEntry = {
  readonly requestsHash: Hex
  readonly nonce: bigint
  readonly claimed: bigint
  readonly paid: bigint
}
export type AnchorEntry = { readonly dataRoot: Hex; readonly sum: bigint; readonly epoch: bigint; readonly quorumId: bigint }
export type ModelEntry = {
  readonly owner: Hex
  readonly registeredAt: bigint
  readonly mode: number
  readonly licence: Hex
  readonly pricePerMillionTokens: bigint
  readonly lineage: Hex
}

/** InferenceServing (and FineTuningServing, whose slot is the same): one slot per provider. */
export function signerSlot(provider: Hex): Hex {
  return mappingSlot(EVIDENCE_SLOTS.inferenceSigners, provider)
}

/** InferenceServing: requestsHash, nonce, claimed and paid of the last settlement, three slots. */
export function settlementSlots(user: Hex, provider: Hex): readonly [Hex, Hex, Hex] {
  const first = mappingSlot(mappingSlot(EVIDENCE_SLOTS.inferenceSettlements, user), provider)
  return [first, after(first, 1), after(first, 2)]
}

/** ReceiptAnchor: two slots. */
export function anchorSlots(provider: Hex, batchRoot: Hex): readonly [Hex, Hex] {
  const first = mappingSlot(mappingSlot(EVIDENCE_SLOTS.anchors, provider), batchRoot)
  return [first, after(first, 1)]
}

/** ModelRegistry: four slots. */
export function modelSlots(root: Hex): readonly [Hex, Hex, Hex, Hex] {
  const first = mappingSlot(EVIDENCE_SLOTS.models, root)
  return [first, after(first, 1), after(first, 2), after(first, 3)]
}

/** Values of slots are 32 bytes. */
export function readSigner(value: Hex): SignerEntry {
  const packed = BigInt(value)
  return { signer: address(packed), acknowledged: part(packed, 160, 8) !== 0n, registered: part(packed, 168, 8) !== 0n }
}

export function readSettlement([requestsHash, nonce, amounts]: readonly [Hex, Hex, Hex]): SettlementEntry {
  const packed = BigInt(amounts)
  return { requestsHash, nonce: BigInt(nonce), claimed: part(packed, 0, 128), paid: part(packed, 128, 128) }
}

export function readAnchor([dataRoot, rest]: readonly [Hex, Hex]): AnchorEntry {
  const packed = BigInt(rest)
  return { dataRoot, sum: part(packed, 0, 128), epoch: part(packed, 128, 64), quorumId: part(packed, 192, 64) }
}

export function readModel([head, licence, price, lineage]: readonly [Hex, Hex, Hex, Hex]): ModelEntry {
  const packed = BigInt(head)
  return {
    owner: address(packed),
    registeredAt: part(packed, 160, 64),
    mode: Number(part(packed, 224, 8)),
    licence,
    pricePerMillionTokens: part(BigInt(price), 0, 128),
    lineage,
  }
}

/** keccak256(key in 32 bytes ‖ slot in 32 bytes). */
function mappingSlot(slot: number | Hex, key: Hex): Hex {
  return toHex(keccak256(concatBytes(bigintToBytes(BigInt(key), 32), bigintToBytes(BigInt(slot), 32))))
}

function after(slot: Hex, count: number): Hex {
  return toHex(bigintToBytes((BigInt(slot) + BigInt(count)) % 2n ** 256n, 32))
}

function part(packed: bigint, offsetBits: number, sizeBits: number): bigint {
  return (packed >> BigInt(offsetBits)) & (2n ** BigInt(sizeBits) - 1n)
}

function address(packed: bigint): Hex {
  return toHex(bigintToBytes(part(packed, 0, 160), 20))
}
