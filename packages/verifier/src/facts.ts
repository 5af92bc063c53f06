import { readAccount, readStorage } from '@zerog/consensus/light-client'
import {
  type AnchorEntry,
  anchorSlots,
  type ModelEntry,
  modelSlots,
  readAnchor,
  readModel,
  readSettlement,
  readSigner,
  type SettlementEntry,
  type SignerEntry,
  settlementSlots,
  signerSlot,
} from '@zerog/evidence'
import { bigintToBytes, concatBytes, type Hex, keccak256, toHex } from '@zerog/primitives'
import { refuse } from './refusal.ts'
import type { EvidenceContracts } from './trust.ts'

/** DASigners: slot of the mapping of epochs. A test compares it with the compiler's layout. */
export const DA_EPOCHS_SLOT = 3n

const ZERO: Hex = `0x${'00'.repeat(32)}`

/** What decides which facts a bundle proves. */
export type FactQuestion = {
  readonly provider: Hex
  readonly user: Hex
  /** wei that the batch claims from the user; nothing is settled where it is 0 */
  readonly sum: bigint
  readonly batchRoot: Hex
  /** of the DA committee */
  readonly epoch: bigint
  /** zero where the receipt names no model */
  readonly modelRoot: Hex
}

export type AskedAccount = { readonly address: Hex; readonly slots: readonly Hex[] }

/**
 * The accounts and slots in the order in which their proofs are walked: ask `eth_getProof` for each at the settlement's block.
 * @param committeeAccounts whose code is the DA committee, first to last
 */
export function factPlan(
  question: FactQuestion,
  { contracts, committeeAccounts }: { readonly contracts: EvidenceContracts; readonly committeeAccounts: readonly Hex[] },
): AskedAccount[] {
  const { provider, user, sum, batchRoot, epoch, modelRoot } = question
  const settlement = sum === 0n ? [] : settlementSlots(user, provider)
  return [
    { address: contracts.inferenceServing, slots: [signerSlot(provider), ...settlement] },
    { address: contracts.receiptAnchor, slots: anchorSlots(provider, batchRoot) },
    { address: contracts.daSigners, slots: [epochSlot(epoch)] },
    ...committeeAccounts.map((address) => ({ address, slots: [] })),
    ...(modelRoot === ZERO ? [] : [{ address: contracts.modelRegistry, slots: modelSlots(modelRoot) }]),
  ]
}

/** The nodes of all proofs, in the order of the plan (account, then its slots), each once: the `facts` of a bundle. */
export function packNodes(proofs: readonly (readonly Uint8Array[])[]): Uint8Array[] {
  const nodes = new Map<Hex, Uint8Array>()
  for (const node of proofs.flat()) {
    const hash = toHex(keccak256(node))
    if (!nodes.has(hash)) nodes.set(hash, node)
  }
  return [...nodes.values()]
}

/** Values of slots and accounts under the root that the first node has. Every method throws PROOF_INVALID where nodes are missing or wrong. */
export type Facts = {
  readonly stateRoot: Hex
  signer(provider: Hex): SignerEntry
  settlement(user: Hex, provider: Hex): SettlementEntry
  anchor(provider: Hex, batchRoot: Hex): AnchorEntry
  /** First account of the DA committee of an epoch. */
  committeeAccount(epoch: bigint): Hex
  codeHash(address: Hex): Hex
  model(root: Hex): ModelEntry
  /** Whether nodes were used for the first time in their order, each, and none twice there. */
  isExact(): boolean
  /** The nodes that were read so far, in the order of their first use. */
  used(): readonly Uint8Array[]
}

export function createFacts(nodes: readonly Uint8Array[], contracts: EvidenceContracts): Facts {
  const hashes = nodes.map((node) => toHex(keccak256(node)))
  const byHash = new Map(hashes.map((hash, index) => [hash, index]))
  const used: number[] = []
  const load = (hash: Uint8Array): Uint8Array | undefined => {
    const index = byHash.get(toHex(hash))
    if (index === undefined) return undefined
    if (!used.includes(index)) used.push(index)
    return nodes[index]
  }
  const stateRoot = hashes[0] ?? refuse('there are no facts')
  const account = (address: Hex, name: string) =>
    readAccount(stateRoot, address, load) ?? refuse(`there is no ${name} at ${address} in this state`)
  const words = (name: keyof EvidenceContracts, slots: readonly Hex[]): Hex[] => {
    const { storageRoot } = account(contracts[name], name)
    return slots.map((slot) => toHex(bigintToBytes(readStorage(storageRoot, slot, load), 32)))
  }
  return {
    stateRoot,
    signer: (provider) => readSigner(words('inferenceServing', [signerSlot(provider)])[0] as Hex),
    settlement: (user, provider) => readSettlement(words('inferenceServing', settlementSlots(user, provider)) as [Hex, Hex, Hex]),
    anchor: (provider, batchRoot) => readAnchor(words('receiptAnchor', anchorSlots(provider, batchRoot)) as [Hex, Hex]),
    committeeAccount: (epoch) => `0x${(words('daSigners', [epochSlot(epoch)])[0] as Hex).slice(26)}`,
    codeHash: (address) => account(address, 'account of a committee').codeHash,
    model: (root) => readModel(words('modelRegistry', modelSlots(root)) as [Hex, Hex, Hex, Hex]),
    used: () => used.map((index) => nodes[index] as Uint8Array), // indexes of these nodes
    isExact: () => used.length === nodes.length && used.every((index, place) => index === place),
  }
}

/** DASigners: where the first account of an epoch's committee stands. */
export function epochSlot(epoch: bigint): Hex {
  return toHex(keccak256(concatBytes(bigintToBytes(epoch, 32), bigintToBytes(DA_EPOCHS_SLOT, 32))))
}
