import { standaloneFrom } from '@zerog/erasure'
import { fromHex, type Hex } from '@zerog/primitives'
import {
  type BatchMaterial,
  batchRanges,
  type EvidenceContracts,
  epochSlot,
  factPlan,
  listRanges,
  packNodes,
  placeOfBlob,
  type Row,
  readCommitteeHead,
  rowsOf,
} from '@zerog/verifier'
import type { EvidenceArchive, EvidenceChain } from './evidence-ports.ts'
import type { Batch, StoredReceipt } from './repository.ts'
import type { Publication } from './settlement.ts'

export type CollectOptions = {
  readonly chainId: bigint
  readonly provider: Hex
  readonly contracts: EvidenceContracts
  readonly batch: Batch
  readonly publication: Publication
  /** Of the block whose state shows the settlement. */
  readonly height: bigint
  /** One receipt for each user and model. */
  readonly samples: readonly StoredReceipt[]
}

type Deps = { readonly chain: EvidenceChain; readonly archive: EvidenceArchive; readonly signal: AbortSignal }

/** Fetches everything that evidence of the batch's answers is made of. What is fetched is judged later, as a whole. */
export async function collectMaterial(options: CollectOptions, deps: Deps): Promise<BatchMaterial> {
  const { chain } = deps
  const { chainId, height, publication } = options
  const { headers, certificate, validators, epochLength } = await chain.finality(height)
  const { certified, rows } = await collectRows(publication, deps)
  const { accounts, codes } = await collectCommittee(options, chain)
  return {
    chainId,
    epochLength,
    certified,
    rows,
    committeeCode: codes,
    nodes: await collectNodes(options, accounts, chain),
    block: { headers, certificate },
    // A verifier names the set that he trusts; this one signed the certificate itself, so no epoch lies between.
    validators: { trusted: validators, steps: [] },
  }
}

async function collectRows(
  { dataRoot, epoch, quorumId }: Publication,
  { archive, signal }: Deps,
): Promise<Pick<BatchMaterial, 'certified' | 'rows'>> {
  const bundle = { commitment: fromHex(dataRoot, 32), epoch }
  const certified = { ...(await archive.certificate(bundle, signal)), blobIndex: Number(quorumId >> 32n) }
  const standalone = standaloneFrom(await archive.rlc(bundle, signal))
  const fetch = async (indexes: readonly number[]): Promise<readonly Row[]> =>
    indexes.length === 0 ? [] : (await archive.rows({ ...bundle, indexes }, signal)).map(standalone)
  const first = rowsOf(listRanges(certified.blobIndex), certified)
  const list = await fetch(first)
  const wanted = rowsOf(batchRanges(certified.blobIndex, placeOfBlob(list, certified)), certified)
  const rest = await fetch(wanted.filter((index) => !first.includes(index)))
  return { certified, rows: [...list, ...rest].sort((a, b) => a.index - b.index) }
}

/** The accounts that hold the DA committee of the batch's epoch, as the registry names them. */
async function collectCommittee(
  { contracts, publication, height }: CollectOptions,
  chain: EvidenceChain,
): Promise<{ readonly accounts: readonly Hex[]; readonly codes: readonly Uint8Array[] }> {
  const [word] = await chain.words({ address: contracts.daSigners, slots: [epochSlot(publication.epoch)], height })
  const first: Hex = `0x${(word ?? 0n).toString(16).padStart(64, '0').slice(24)}`
  const code = await chain.code({ address: first, height })
  const accounts = [first, ...readCommitteeHead(code).further]
  const others = await Promise.all(accounts.slice(1).map((address) => chain.code({ address, height })))
  return { accounts, codes: [code, ...others] }
}

/** Proofs of every fact of every answer; accounts and slots that several ask for are asked for once. */
async function collectNodes(
  { provider, contracts, batch, publication, height, samples }: CollectOptions,
  committeeAccounts: readonly Hex[],
  chain: EvidenceChain,
): Promise<readonly Uint8Array[]> {
  const sums = new Map(batch.users.map(({ user, sum }) => [user, sum]))
  const asked = new Map<Hex, Set<Hex>>()
  for (const { receipt } of samples) {
    const { user, modelRoot } = receipt
    const question = { provider, user, modelRoot, sum: sums.get(user) ?? 0n, batchRoot: batch.root, epoch: publication.epoch }
    for (const { address, slots } of factPlan(question, { contracts, committeeAccounts })) {
      const known = asked.get(address) ?? new Set<Hex>()
      for (const slot of slots) known.add(slot)
      asked.set(address, known)
    }
  }
  const proofs: (readonly Uint8Array[])[] = []
  for (const [address, slots] of asked) proofs.push(...(await chain.proof({ address, slots: [...slots], height })))
  return packNodes(proofs)
}
