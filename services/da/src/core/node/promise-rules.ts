import { type Committee, checkStatement, type Statement } from '@zerog/availability'
import { compareBytes, toHex, ZerogError } from '@zerog/primitives'
import { sameContent } from './holding-key.ts'
import type { Held } from './holdings.ts'

/**
 * What a member promises only once. Two statements equivocate where one commitment is said to have two layouts or two payload sizes: one
 * of them is a lie. The same rows for another epoch, committee or expiry are a further promise, and each is kept.
 */
export type Refusal = 'epoch' | 'committee' | 'layout' | 'expiry' | 'equivocation' | 'member' | 'assignment' | 'capacity' | 'form'

export type PromiseLimits = {
  readonly nowSeconds: bigint
  /** From now on, seconds. */
  readonly retentionSecondsMax: number
  /** The newest epoch; only it and the one before get new bundles, so that bundles in flight survive the change. */
  readonly epochNewest: bigint
}

/** @throws ZerogError PROOF_INVALID or INVALID_ARGUMENT with `check` in the metadata */
export function checkPromise(statement: Statement, committee: Committee, limits: PromiseLimits): void {
  checkStatement(statement, committee)
  if (statement.epoch + 1n < limits.epochNewest) {
    throw refuse('epoch', `epoch ${statement.epoch} is over: bundles are taken for ${limits.epochNewest} and the one before`)
  }
  if (statement.expiry <= limits.nowSeconds) throw refuse('expiry', `the bundle expired at ${statement.expiry}`)
  if (statement.expiry > limits.nowSeconds + BigInt(limits.retentionSecondsMax)) {
    throw refuse('expiry', `this member keeps rows for at most ${limits.retentionSecondsMax} seconds`)
  }
}

/** @param held what is here of the same commitment */
export function checkEquivocation(statement: Statement, held: readonly Held[]): void {
  if (held.every(({ bundle }) => sameContent(bundle, statement))) return
  throw refuse('equivocation', `${toHex(statement.commitment)} is held with another layout or size; one of the two is a lie`)
}

/** Place of a key in a committee. @throws ZerogError */
export function memberOf(committee: Committee, key: Uint8Array): number {
  const member = committee.members.findIndex((each) => compareBytes(each.key, key) === 0)
  if (member >= 0) return member
  throw refuse('member', `this node is no member of committee ${committee.id} of epoch ${committee.epoch}`)
}

export function refuse(check: Refusal, message: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message, metadata: { check } })
}
