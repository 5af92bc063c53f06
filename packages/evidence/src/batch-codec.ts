import type { Hex } from '@zerog/primitives'
import type { Batch, UserClaims } from './batch.ts'
import { BATCH_LEAVES_MAX, BATCH_USERS_MAX, USER_LEAVES_MAX } from './limits.ts'
import { CLAIM_KINDS, type ClaimKind, type ClaimLeaf } from './user-tree.ts'
import { createReader, createWriter, invalid, type Reader } from './wire.ts'

const VERSION = 1

/**
 * The blob that a provider publishes: `u8 version (1) ‖ u64 chain id ‖ provider ‖ u32 number of users`, then per user `address ‖ u32
 * number of claims`, then per claim `u8 kind ‖ commitment ‖ u128 amount`. With it alone everybody computes each user's
 * requestsHash and total, and the batch root.
 */
export function encodeBatch({ chainId, provider, users }: Batch): Uint8Array {
  const writer = createWriter().uint(VERSION, 1).uint(chainId, 8).hex(provider, 20).uint(users.length, 4)
  for (const { user, claims } of users) {
    writer.hex(user, 20).uint(claims.length, 4)
    for (const { kind, commitment, amount } of claims) writer.uint(CLAIM_KINDS[kind], 1).hex(commitment, 32).uint(amount, 16)
  }
  return writer.done()
}

/** @throws ZerogError ENCODING_INVALID for any bytes that are not exactly one batch in canonical order and within the limits */
export function decodeBatch(bytes: Uint8Array): Batch {
  const reader = createReader(bytes, 'batch')
  const version = reader.number(1)
  if (version !== VERSION) throw invalid(`version ${version} of a batch is not known`)
  const chainId = reader.bigint(8)
  const provider = reader.hex(20)
  const userCount = reader.number(4)
  if (userCount < 1 || userCount > BATCH_USERS_MAX) throw invalid(`a batch has from 1 to ${BATCH_USERS_MAX} users`)
  const users: UserClaims[] = []
  let claimCount = 0
  for (let index = 0; index < userCount; index++) {
    const entry = readUser(reader, users.at(-1)?.user)
    claimCount += entry.claims.length
    if (claimCount > BATCH_LEAVES_MAX) throw invalid(`a batch has at most ${BATCH_LEAVES_MAX} claims`)
    users.push(entry)
  }
  reader.end()
  return { chainId, provider, users }
}

function readUser(reader: Reader, previous: Hex | undefined): UserClaims {
  const user = reader.hex(20)
  if (previous !== undefined && previous >= user) throw invalid('users of a batch are by rising address, each once')
  const claimCount = reader.number(4)
  if (claimCount < 1 || claimCount > USER_LEAVES_MAX) throw invalid(`a user of a batch has from 1 to ${USER_LEAVES_MAX} claims`)
  const claims: ClaimLeaf[] = []
  for (let index = 0; index < claimCount; index++) claims.push(readClaim(reader, index))
  return { user, claims }
}

function readClaim(reader: Reader, index: number): ClaimLeaf {
  const code = reader.number(1)
  const kind = (Object.keys(CLAIM_KINDS) as ClaimKind[]).find((name) => CLAIM_KINDS[name] === code)
  if (kind === undefined) throw invalid(`kind ${code} of a claim is not known`)
  const claim: ClaimLeaf = { kind, commitment: reader.hex(32), amount: reader.bigint(16) }
  if (kind === 'carry' && (index > 0 || claim.amount === 0n)) throw invalid('a carry is the first claim and more than 0')
  return claim
}
