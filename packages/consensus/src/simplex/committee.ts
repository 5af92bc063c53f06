import { assert } from '@zerog/primitives'
import { SIGNATURE_LENGTH, type VotingContext, voteMessage } from './encoding.ts'
import { VALIDATORS_MAX } from './limits.ts'
import type { Ballot, Certificate, ValidatorIndex, Vote } from './types.ts'

export type Validator = { readonly publicKey: Uint8Array; readonly stake: bigint }

/** BLS12-381 min-pk multisignatures: 48-byte keys, 96-byte signatures. All functions are pure and never throw on bad bytes. */
export type Multisignature = {
  /** Whether `signature` is the aggregate of one signature over `message` by each key. */
  readonly verify: (publicKeys: readonly Uint8Array[], message: Uint8Array, signature: Uint8Array) => boolean
  /** undefined when a signature is no valid point. */
  readonly aggregate: (signatures: readonly Uint8Array[]) => Uint8Array | undefined
}

export type Committee = {
  readonly context: VotingContext
  readonly validators: readonly Validator[]
  readonly totalStake: bigint
  readonly multisignature: Multisignature
}

export function createCommittee(options: Omit<Committee, 'totalStake'>): Committee {
  const { length } = options.validators
  assert(length > 0 && length <= VALIDATORS_MAX, `a committee has 1 to ${VALIDATORS_MAX} validators`)
  assert(
    options.validators.every(({ stake }) => stake > 0n),
    'every validator of a committee has stake',
  )
  return { ...options, totalStake: options.validators.reduce((sum, validator) => sum + validator.stake, 0n) }
}

export function stakeOf(committee: Committee, signers: Iterable<ValidatorIndex>): bigint {
  let stake = 0n
  for (const signer of signers) stake += committee.validators[signer]?.stake ?? 0n
  return stake
}

/** More than two thirds of the stake: two quorums share an honest validator while less than a third is Byzantine. */
export function isQuorum(committee: Committee, stake: bigint): boolean {
  return 3n * stake > 2n * committee.totalStake
}

export function verifyVote(committee: Committee, vote: Vote): boolean {
  const validator = committee.validators[vote.signer]
  if (validator === undefined || vote.signature.length !== SIGNATURE_LENGTH) return false
  return committee.multisignature.verify([validator.publicKey], voteMessage(committee.context, vote.ballot), vote.signature)
}

/** Signers ascending and in range, stake above two thirds, aggregate signature valid. */
export function verifyCertificate(committee: Committee, certificate: Certificate): boolean {
  const { signers, signature, ballot } = certificate
  const keys: Uint8Array[] = []
  for (const [position, signer] of signers.entries()) {
    const validator = committee.validators[signer]
    if (validator === undefined || (position > 0 && signer <= (signers[position - 1] as number))) return false
    keys.push(validator.publicKey)
  }
  if (signature.length !== SIGNATURE_LENGTH || !isQuorum(committee, stakeOf(committee, signers))) return false
  return committee.multisignature.verify(keys, voteMessage(committee.context, ballot), signature)
}

/**
 * Lazy verification: aggregates the votes first and verifies once; only when that fails it bisects to find the bad ones
 * (chain reference 4.2). Returns the certificate, or the signers whose signature is invalid.
 */
export function assembleCertificate(
  committee: Committee,
  ballot: Ballot,
  votes: ReadonlyMap<ValidatorIndex, Uint8Array>,
): { readonly certificate: Certificate } | { readonly invalid: readonly ValidatorIndex[] } {
  const signers = [...votes.keys()].sort((a, b) => a - b)
  const message = voteMessage(committee.context, ballot)
  const aggregate = aggregateIfValid(committee, message, signers, votes)
  if (aggregate) return { certificate: { ballot, signers, signature: aggregate } }
  const invalid = findInvalid(committee, message, signers, votes)
  assert(invalid.length > 0, 'signatures that verify alone verify together')
  return { invalid }
}

function aggregateIfValid(
  { validators, multisignature }: Committee,
  message: Uint8Array,
  signers: readonly ValidatorIndex[],
  votes: ReadonlyMap<ValidatorIndex, Uint8Array>,
): Uint8Array | undefined {
  const aggregate = multisignature.aggregate(signers.map((signer) => votes.get(signer) as Uint8Array))
  const keys = signers.map((signer) => (validators[signer] as Validator).publicKey)
  return aggregate && multisignature.verify(keys, message, aggregate) ? aggregate : undefined
}

function findInvalid(
  committee: Committee,
  message: Uint8Array,
  signers: readonly ValidatorIndex[],
  votes: ReadonlyMap<ValidatorIndex, Uint8Array>,
): ValidatorIndex[] {
  if (aggregateIfValid(committee, message, signers, votes)) return []
  if (signers.length === 1) return [...signers]
  const middle = signers.length >> 1
  return [signers.slice(0, middle), signers.slice(middle)].flatMap((half) => findInvalid(committee, message, half, votes))
}
