import { checkStatement, createCommittee, decodeCertificate, type Member, verifyCertificate } from '@zerog/availability'
import type { Multisignature } from '@zerog/consensus'
import { bytesToBigint, equalBytes, type Hex, keccak256, toHex } from '@zerog/primitives'
import type { Evidence } from '../bundle.ts'
import type { Facts } from '../facts.ts'
import { CODE_PARTS_MAX } from '../limits.ts'
import type { Finding } from '../link.ts'
import { refuse } from '../refusal.ts'
import type { Trust } from '../trust.ts'

/** solidity/da/CommitteeCode.sol. */
const HEAD_BYTES = 241
const MEMBER_BYTES = 124
const MEMBERS_PER_ACCOUNT = 196
const FURTHER_OFFSET = 141

export type StoredCommittee = {
  readonly root: Uint8Array
  readonly stake: bigint
  readonly members: readonly Member[]
  /** Accounts with the members that do not fit into the first one's code. */
  readonly further: readonly Hex[]
}

/** Whether the certificate is that of the committee that the registry has for its epoch. */
export function checkCommittee(
  { availability, committeeCode }: Evidence,
  { facts, trust, multisignature }: { facts: Facts; trust: Trust; multisignature: Multisignature },
): Finding {
  const certificate = decodeCertificate(availability.certificate)
  const { epoch } = certificate
  // The registry has one committee per epoch.
  if (certificate.committee !== 0) refuse(`There is no committee ${certificate.committee} in the registry.`)
  const first = facts.committeeAccount(epoch)
  if (BigInt(first) === 0n) refuse(`The registry has no committee for epoch ${epoch}.`)
  const stored = readCommitteeCode(committeeCode)
  for (const [index, address] of [first, ...stored.further].entries()) {
    const hash = toHex(keccak256(committeeCode[index] as Uint8Array)) // readCommitteeCode counted the parts
    if (facts.codeHash(address) !== hash) refuse(`Account ${address} does not hold these members of epoch ${epoch}.`)
  }
  const committee = createCommittee({ epoch, id: 0, seed: new Uint8Array(32), members: stored.members })
  if (!equalBytes(committee.root, stored.root) || committee.totalStake !== stored.stake) {
    refuse('The members are not those of the committee root.')
  }
  checkStatement(availability, committee)
  verifyCertificate(certificate, committee, { chainId: trust.chainId, multisignature })
  return {
    state: 'proven',
    detail: `Two thirds of the stake of the ${stored.members.length} members of DA epoch ${epoch} signed that they keep the bundle.`,
  }
}

/** @throws ZerogError PROOF_INVALID for code that CommitteeCode.sol does not write */
export function readCommitteeCode(parts: readonly Uint8Array[]): StoredCommittee {
  const head = parts[0] ?? refuse('The committee has no code.')
  const { count, further } = readCommitteeHead(head)
  if (parts.some((part) => part[0] !== 0)) refuse('The code is not that of a committee.')
  const partCount = 1 + further.length
  if (parts.length !== partCount) refuse(`${count} members lie in ${partCount} accounts, not in ${parts.length}.`)
  const members = parts.flatMap((part, index) => readMembers(part.subarray(index === 0 ? HEAD_BYTES : 1)))
  if (members.length !== count) refuse(`The code holds ${members.length} members, not ${count}.`)
  return { root: head.subarray(1, 33), stake: bytesToBigint(head.subarray(129, 137)), members, further }
}

/**
 * What the first account's code says of the committee: how many members it has, and which accounts hold those that do not fit.
 * @throws ZerogError PROOF_INVALID for code that CommitteeCode.sol does not write
 */
export function readCommitteeHead(head: Uint8Array): { readonly count: number; readonly further: readonly Hex[] } {
  if (head.length < HEAD_BYTES + MEMBER_BYTES || head[0] !== 0) refuse('The code is not that of a committee.')
  const count = Number(bytesToBigint(head.subarray(137, 141)))
  const partCount = Math.max(1, Math.ceil(count / MEMBERS_PER_ACCOUNT))
  if (partCount > CODE_PARTS_MAX) refuse(`${count} members do not fit into ${CODE_PARTS_MAX} accounts.`)
  const further = Array.from({ length: partCount - 1 }, (_, index) =>
    toHex(head.subarray(FURTHER_OFFSET + 20 * index, FURTHER_OFFSET + 20 * (index + 1))),
  )
  return { count, further }
}

function readMembers(bytes: Uint8Array): Member[] {
  if (bytes.length % MEMBER_BYTES !== 0 || bytes.length > MEMBERS_PER_ACCOUNT * MEMBER_BYTES) refuse('A member is cut off.')
  return Array.from({ length: bytes.length / MEMBER_BYTES }, (_, index) => {
    const member = bytes.subarray(index * MEMBER_BYTES, (index + 1) * MEMBER_BYTES)
    return {
      address: toHex(member.subarray(0, 20)),
      stake: bytesToBigint(member.subarray(20, 28)),
      key: member.slice(28),
      socket: '',
    }
  })
}
