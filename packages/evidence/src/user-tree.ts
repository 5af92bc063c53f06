import { concatBytes, fromHex, type Hex, keccak256, toHex, ZerogError } from '@zerog/primitives'
import { SUM_MAX, USER_LEAVES_MAX } from './limits.ts'
import { createSumTree, foldSumProof, type SumNode, type SumProof } from './sum-tree.ts'
import { createWriter } from './wire.ts'

/**
 * What a provider claims from one user: a receipt by its commitment, or what an earlier settlement left unpaid (`commitment` is
 * then that settlement's requestsHash).
 */
export type ClaimLeaf = { readonly kind: ClaimKind; readonly commitment: Hex; readonly amount: bigint }

export type ClaimKind = 'receipt' | 'carry'

/** Claims of one batch on one user. `requestsHash` and `sum` are what the settlement signs as requestsHash and totalFee. */
export type UserTree = {
  readonly user: Hex
  readonly requestsHash: Hex
  readonly sum: bigint
  readonly root: Hex
  readonly count: number
  prove(index: number): SumProof
}

/** First bytes of what is hashed: no two kinds of input can be equal. */
const LEAF_TAG = 0
const NODE_TAG = 1
const REQUESTS_TAG = 2

export const CLAIM_KINDS = { receipt: 0, carry: 1 } as const satisfies Record<ClaimKind, number>

export const SALT_BYTES = 32

/**
 * keccak256(salt ‖ receipt hash): what is public of a receipt. Who has neither salt nor receipt can guess no prompt from it. The
 * salt is 32 random bytes, handed to the user and to an auditor.
 */
export function receiptCommitment(receiptHash: Hex, salt: Uint8Array): Hex {
  if (salt.length !== SALT_BYTES) throw new ZerogError('INVALID_ARGUMENT', { message: `a salt is ${SALT_BYTES} bytes` })
  return toHex(keccak256(concatBytes(salt, fromHex(receiptHash, 32))))
}

/**
 * The tree of a user's claims: a carry, if there is one, comes first; then receipts by rising nonce.
 * @throws ZerogError INVALID_ARGUMENT for claims that are not in this form, LIMIT_EXCEEDED for too many or a sum above 128 bits
 */
export function createUserTree(user: Hex, claims: readonly ClaimLeaf[]): UserTree {
  if (claims.length > USER_LEAVES_MAX) {
    throw new ZerogError('LIMIT_EXCEEDED', { message: `one user's part of a batch has at most ${USER_LEAVES_MAX} claims` })
  }
  for (const [index, { kind, amount }] of claims.entries()) checkClaim(kind, amount, index)
  const tree = createSumTree(
    claims.map((claim) => claimNode(user, claim)),
    NODE_TAG,
  )
  return {
    user,
    requestsHash: requestsHashOf(tree.root, tree.count),
    sum: tree.root.sum,
    root: tree.root.hash,
    count: tree.count,
    prove: tree.prove,
  }
}

/**
 * The requestsHash and sum that contain a claim of a user, from its proof. Compare both with the settlement.
 * @throws ZerogError PROOF_INVALID
 */
export function foldClaim(user: Hex, claim: ClaimLeaf, proof: SumProof): { readonly requestsHash: Hex; readonly sum: bigint } {
  const carryIsFirst = claim.kind === 'receipt' || (proof.index === 0 && claim.amount > 0n)
  if (!carryIsFirst || claim.amount < 0n || claim.amount > SUM_MAX || proof.count > USER_LEAVES_MAX) {
    throw new ZerogError('PROOF_INVALID', { message: 'this claim cannot stand at this place of a batch' })
  }
  const root = foldSumProof(claimNode(user, claim), proof, NODE_TAG)
  return { requestsHash: requestsHashOf(root, proof.count), sum: root.sum }
}

/** keccak256(2 ‖ root ‖ u128 sum ‖ u32 number of claims). */
function requestsHashOf(root: SumNode, count: number): Hex {
  return hashOf(createWriter().uint(REQUESTS_TAG, 1).hex(root.hash, 32).uint(root.sum, 16).uint(count, 4).done())
}

/** keccak256(0 ‖ kind ‖ user ‖ commitment ‖ u128 amount). */
function claimNode(user: Hex, { kind, commitment, amount }: ClaimLeaf): SumNode {
  const writer = createWriter().uint(LEAF_TAG, 1).uint(CLAIM_KINDS[kind], 1).hex(user, 20).hex(commitment, 32).uint(amount, 16)
  return { hash: hashOf(writer.done()), sum: amount }
}

function checkClaim(kind: ClaimKind, amount: bigint, index: number): void {
  const inRange = amount >= 0n && amount <= SUM_MAX
  if (inRange && (kind === 'receipt' || (index === 0 && amount > 0n))) return
  const rule = inRange ? 'a carry is the first claim and more than 0' : 'an amount is from 0 to 2^128 - 1'
  throw new ZerogError('INVALID_ARGUMENT', { message: `claim ${index}: ${rule}`, metadata: { index: String(index) } })
}

export function hashOf(bytes: Uint8Array): Hex {
  return toHex(keccak256(bytes))
}
