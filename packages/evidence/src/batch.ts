import { type Hex, ZerogError } from '@zerog/primitives'
import { BATCH_LEAVES_MAX, BATCH_USERS_MAX, SUM_MAX } from './limits.ts'
import { createSumTree, foldSumProof, type SumNode, type SumProof } from './sum-tree.ts'
import { type ClaimLeaf, createUserTree, hashOf, type UserTree } from './user-tree.ts'
import { createWriter } from './wire.ts'

export type UserClaims = { readonly user: Hex; readonly claims: readonly ClaimLeaf[] }

/** Everything that a provider claims at once, users by rising address. Its encoding is the DA blob. */
export type Batch = { readonly chainId: bigint; readonly provider: Hex; readonly users: readonly UserClaims[] }

/** A user's place in a batch: what the batch root says about it. */
export type UserTotal = { readonly user: Hex; readonly requestsHash: Hex; readonly sum: bigint }

export type BatchTree = {
  readonly batchRoot: Hex
  /** wei that all users together owe by this batch */
  readonly sum: bigint
  readonly users: readonly UserTree[]
  /** Proof of the place of a user in the batch root. */
  prove(user: Hex): SumProof
}

/** Who anchors: the same users in the batch of another provider or chain have another root. */
export type BatchOwner = Pick<Batch, 'chainId' | 'provider'>

const LEAF_TAG = 3
const NODE_TAG = 4
const BATCH_TAG = 5

/** @throws ZerogError INVALID_ARGUMENT where users are not by rising address, LIMIT_EXCEEDED for too many users, claims or wei */
export function createBatchTree(batch: Batch): BatchTree {
  checkBatch(batch)
  const users = batch.users.map(({ user, claims }) => createUserTree(user, claims))
  const tree = createSumTree(users.map(totalNode), NODE_TAG)
  return {
    batchRoot: batchRootOf(batch, tree.root, tree.count),
    sum: tree.root.sum,
    users,
    prove: (user) => tree.prove(users.findIndex((candidate) => candidate.user === user)),
  }
}

/**
 * The batch root and sum that contain a user's total. Compare both with the anchor.
 * @throws ZerogError PROOF_INVALID
 */
export function foldUserTotal(
  owner: BatchOwner,
  total: UserTotal,
  proof: SumProof,
): { readonly batchRoot: Hex; readonly sum: bigint } {
  if (total.sum < 0n || total.sum > SUM_MAX || proof.count > BATCH_USERS_MAX) {
    throw new ZerogError('PROOF_INVALID', { message: 'this total cannot stand in a batch' })
  }
  const root = foldSumProof(totalNode(total), proof, NODE_TAG)
  return { batchRoot: batchRootOf(owner, root, proof.count), sum: root.sum }
}

/** keccak256(3 ‖ user ‖ requestsHash ‖ u128 sum). */
function totalNode({ user, requestsHash, sum }: UserTotal): SumNode {
  return { hash: hashOf(createWriter().uint(LEAF_TAG, 1).hex(user, 20).hex(requestsHash, 32).uint(sum, 16).done()), sum }
}

/** keccak256(5 ‖ u64 chain id ‖ provider ‖ root ‖ u128 sum ‖ u32 number of users). */
function batchRootOf({ chainId, provider }: BatchOwner, root: SumNode, count: number): Hex {
  const writer = createWriter().uint(BATCH_TAG, 1).uint(chainId, 8).hex(provider, 20)
  return hashOf(writer.hex(root.hash, 32).uint(root.sum, 16).uint(count, 4).done())
}

function checkBatch({ users }: Batch): void {
  const claimCount = users.reduce((sum, { claims }) => sum + claims.length, 0)
  if (users.length > BATCH_USERS_MAX || claimCount > BATCH_LEAVES_MAX) {
    const message = `a batch has at most ${BATCH_USERS_MAX} users and ${BATCH_LEAVES_MAX} claims: make several`
    throw new ZerogError('LIMIT_EXCEEDED', { message })
  }
  for (const [index, { user }] of users.entries()) {
    if (index === 0 || (users[index - 1] as UserClaims).user < user) continue
    throw new ZerogError('INVALID_ARGUMENT', { message: 'users of a batch are in lower case, by rising address, each once' })
  }
}
