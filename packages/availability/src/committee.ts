import { assert, bigintToBytes, concatBytes, fromHex, type Hex, keccak256 } from '@zerog/primitives'
import { compressKey } from './key.ts'
import { ADDRESS_BYTES, HASH_BYTES, MEMBERS_MAX, ROWS_CHECKED, ROWS_MAX, ROWS_MIN } from './limits.ts'
import { malformed } from './refusal.ts'

export type Member = {
  /** `0x…`, lower case. */
  readonly address: Hex
  /** Above 0, below 2^64. */
  readonly stake: bigint
  /** Affine point of G1, x ‖ y, 96 bytes. */
  readonly key: Uint8Array
  /** Where it is found: `host:port`, or the ordinal of the instance in this installation. */
  readonly socket: string
}

/** The members of one epoch, in the order of the registry: a member is its index here. */
export type Committee = {
  readonly epoch: bigint
  readonly id: number
  /** r of the epoch's first block: who gets which rows cannot be known before. */
  readonly seed: Uint8Array
  readonly members: readonly Member[]
  readonly root: Uint8Array
  readonly totalStake: bigint
  /** Original rows of its code; large bundles have more. */
  readonly rows: number
  /** Compressed keys in the order of the members; always the same arrays, so that a BLS library may keep what it parsed. */
  readonly publicKeys: readonly Uint8Array[]
}

export type CommitteeParts = Pick<Committee, 'epoch' | 'id' | 'seed' | 'members'>

const DOMAIN = new TextEncoder().encode('zerog/da/committee/v1')
const STAKE_LIMIT = 1n << 64n

/**
 * A committee and what follows from its members.
 * @throws ZerogError INVALID_ARGUMENT where no contract could hold it
 */
export function createCommittee({ epoch, id, seed, members }: CommitteeParts): Committee {
  if (members.length < 1 || members.length > MEMBERS_MAX) throw malformed('committee', `${members.length} members`)
  if (seed.length !== HASH_BYTES) throw malformed('committee', 'a seed has 32 bytes')
  if (epoch < 0n || epoch >= STAKE_LIMIT || !Number.isInteger(id) || id < 0 || id >= 2 ** 32) {
    throw malformed('committee', `no epoch ${epoch}, committee ${id}`)
  }
  if (members.some(({ stake }) => stake <= 0n || stake >= STAKE_LIMIT))
    throw malformed('committee', 'a stake is from 1 to 2^64 - 1')
  const totalStake = members.reduce((sum, { stake }) => sum + stake, 0n)
  if (totalStake >= STAKE_LIMIT) throw malformed('committee', `a total stake of ${totalStake} does not fit into 64 bits`)
  return {
    epoch,
    id,
    seed,
    members,
    root: committeeRoot(members),
    totalStake,
    rows: committeeRows(members.length),
    publicKeys: members.map(({ key }) => compressKey(key)),
  }
}

/** keccak256(domain ‖ u32 n ‖ n × (address ‖ u64 stake ‖ key)). Epoch and committee id stand beside it in every message. */
export function committeeRoot(members: readonly Member[]): Uint8Array {
  return keccak256(concatBytes(DOMAIN, bigintToBytes(BigInt(members.length), 4), ...members.map(encodeMember)))
}

/** `20 bytes address ‖ u64 stake ‖ 96 bytes key`, as it also lies in the committee's code on chain. */
export function encodeMember({ address, stake, key }: Member): Uint8Array {
  return concatBytes(fromHex(address, ADDRESS_BYTES), bigintToBytes(stake, 8), key)
}

/**
 * Original rows of the code of a committee of `count` members: so many that 148 rows for everybody are not much more than what is dealt.
 * A power of two, 256 to 4,096, at least three per member.
 */
export function committeeRows(count: number): number {
  assert(Number.isInteger(count) && count >= 1 && count <= MEMBERS_MAX, 'a committee has 1 to 1,024 members')
  let rows = ROWS_MIN
  while (rows < ROWS_MAX && 3 * rows < ROWS_CHECKED * count) rows *= 2
  return rows
}

export function stakeOf(committee: Committee, members: Iterable<number>): bigint {
  let stake = 0n
  for (const member of members) stake += committee.members[member]?.stake ?? 0n
  return stake
}

/** At least two thirds of the stake: while less than a third lies, the honest among them hold more than a third, hence K rows. */
export function reachesThreshold(committee: Committee, stake: bigint): boolean {
  return stake > 0n && 3n * stake >= 2n * committee.totalStake
}
