import { readAccount, readStorage } from '@zerog/consensus/light-client'
import { createBatchTree, decodeBatch, receiptDomain, receiptHash } from '@zerog/evidence'
import { type Hex, keccak256, toHex } from '@zerog/primitives'
import type { BatchMaterial } from '@zerog/verifier'
import { createWorld, type World, type WorldOptions } from '../../../../packages/verifier/test/world.ts'
import { memoryEvidenceRepository } from '../../src/adapters/sql/evidence-memory-repository.ts'
import type { EvidenceArchive, EvidenceChain } from '../../src/app/broker/evidence-ports.ts'
import type { Batch, StoredReceipt } from '../../src/app/broker/repository.ts'
import { writePublication } from '../../src/app/broker/settlement.ts'

/** A settled batch with the chain and the data availability that hold it, generated whole (packages/verifier/test/world.ts). */
export type SettledWorld = {
  readonly world: World
  readonly material: BatchMaterial
  readonly batch: Batch
  readonly receipts: readonly StoredReceipt[]
  readonly chain: EvidenceChain
  readonly archive: EvidenceArchive
  readonly repository: () => ReturnType<typeof memoryEvidenceRepository>
}

/** From this block on the state shows the settlement. */
export const SETTLED_AT = 17n
const HEAD = 40n
const BATCH_ID = 3n

export async function settledWorld(options: WorldOptions & { readonly receipts: number }): Promise<SettledWorld> {
  const world = await createWorld(options)
  const material = await world.material()
  const parts = await Promise.all(Array.from({ length: options.receipts }, (_, index) => world.evidence(index)))
  const { chainId, contracts } = world.trust
  const domain = receiptDomain({ chainId, receiptAnchor: contracts.receiptAnchor })
  const tree = createBatchTree(decodeBatch(world.blob))
  const { settlements } = world.chainFacts()
  const { certified, block, validators } = material
  const receipts = parts.map(({ receipt: { signed, salt }, batch }, index): StoredReceipt => {
    const { claims } = decodeBatch(world.blob).users.find(({ user }) => user === signed.receipt.user) ?? { claims: [] }
    return {
      id: `chatcmpl-${index}`,
      kind: 'final',
      model: 'mock-model',
      receipt: signed.receipt,
      receiptHash: receiptHash(signed.receipt, domain),
      signature: signed.signature,
      salt: toHex(salt),
      params: '{}',
      acknowledgement: 'write',
      deadlineMs: 0,
      state: 'batched',
      batch: { batchId: BATCH_ID, leafIndex: claims.findIndex(({ commitment }) => commitment === batch.commitment) },
    }
  })
  const batch: Batch = {
    batchId: BATCH_ID,
    state: 'settled',
    root: tree.batchRoot,
    createdAtMs: 1_000_000,
    users: tree.users.map(({ user, requestsHash, root, sum }) => ({
      user,
      requestsHash,
      root,
      sum,
      receiptCount: 1,
      carry: undefined,
      nonce: BigInt(settlements.get(user)?.[1] ?? 0),
      outcome: { status: 0, unpaid: 0n },
    })),
    publication: writePublication({
      dataRoot: toHex(certified.commitment),
      epoch: certified.epoch,
      quorumId: (BigInt(certified.blobIndex) << 32n) | BigInt(certified.committee),
    }),
    transactions: { anchor: undefined, settle: undefined },
  }

  const nodes = new Map(material.nodes.map((node) => [toHex(keccak256(node)), node]))
  const load = (hash: Uint8Array) => nodes.get(toHex(hash))
  const stateRoot = toHex(keccak256(material.nodes[0] as Uint8Array))
  const codes = new Map(material.committeeCode.map((code) => [toHex(keccak256(code)), code]))
  const accountOf = (address: Hex) => readAccount(stateRoot, address, load)
  const chain: EvidenceChain = {
    head: async () => HEAD,
    async words({ address, slots, height }) {
      const account = accountOf(address)
      if (height < SETTLED_AT || account === undefined) return slots.map(() => 0n)
      return slots.map((slot) => readStorage(account.storageRoot, slot, load))
    },
    code: async ({ address }) => codes.get(accountOf(address)?.codeHash ?? '0x') ?? new Uint8Array(),
    // All that there is: whoever packs the nodes of a batch leaves out none.
    proof: async () => [material.nodes],
    finality: async () => ({ ...block, validators: validators.trusted, epochLength: material.epochLength }),
  }
  const { blobIndex: _, ...certificate } = certified
  const archive: EvidenceArchive = {
    certificate: async () => certificate,
    rlc: async () => world.rlc,
    async rows({ indexes }) {
      return material.rows.filter(({ index }) => indexes.includes(index)).map(({ index, row, path }) => ({ index, row, path }))
    },
  }
  const repository = () => memoryEvidenceRepository({ batches: () => [batch], receipts: () => receipts })
  return { world, material, batch, receipts, chain, archive, repository }
}
