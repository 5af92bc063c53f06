import { bls12_381 } from '@noble/curves/bls12-381.js'
import { type CommitteeParts, committeeRoot, encodeMember, type Member } from '@zerog/availability'
import { assert, bigintToBytes, concatBytes, fromHex, type Hex, toHex } from '@zerog/primitives'
import { getContractAddress } from 'viem/utils'

// The code that solidity/da/CommitteeCode.sol writes, so that a genesis can hold what a transaction would have made.

const MEMBERS_PER_ACCOUNT = 196
const FURTHER_ACCOUNTS = 5

/** The accounts of a committee: code by address, the first one's address, and the nonce that its creator has then. */
export type CommitteeAccounts = { readonly first: Hex; readonly code: Readonly<Record<Hex, Hex>>; readonly nonce: bigint }

/** @param creator the registry and the nonce of its next creation */
export function committeeAccounts(
  members: CommitteeParts['members'],
  creator: { readonly address: Hex; readonly nonce: bigint },
): CommitteeAccounts {
  let nonce = creator.nonce
  const code: Record<Hex, Hex> = {}
  const create = (data: Uint8Array): Hex => {
    const address = getContractAddress({ from: creator.address, nonce: nonce++ }).toLowerCase() as Hex
    code[address] = toHex(concatBytes(Uint8Array.of(0), data))
    return address
  }
  const part = (index: number): Uint8Array =>
    concatBytes(...members.slice(index * MEMBERS_PER_ACCOUNT, (index + 1) * MEMBERS_PER_ACCOUNT).map(encodeMember))
  const further = Array.from({ length: FURTHER_ACCOUNTS }, (_, index) =>
    (index + 1) * MEMBERS_PER_ACCOUNT < members.length ? fromHex(create(part(index + 1)), 20) : new Uint8Array(20),
  )
  const stake = members.reduce((sum, member) => sum + member.stake, 0n)
  const first = create(
    concatBytes(
      committeeRoot(members),
      sumOfKeys(members),
      bigintToBytes(stake, 8),
      bigintToBytes(BigInt(members.length), 4),
      ...further,
      part(0),
    ),
  )
  return { first, code, nonce }
}

/** Throws where a key is no point of the group. */
function sumOfKeys(members: readonly Member[]): Uint8Array {
  const points = members.map(({ key }) => {
    const point = bls12_381.G1.Point.fromBytes(concatBytes(key))
    point.assertValidity()
    return point
  })
  const sum = points.reduce((total, point) => total.add(point))
  assert(!sum.is0(), 'keys of a genesis do not cancel each other')
  return sum.toBytes(false)
}
