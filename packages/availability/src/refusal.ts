import { ZerogError } from '@zerog/primitives'

/**
 * Which check refused: `form` bytes that are no such thing, the others a field that is not what it must be (docs/spec/data-availability.md).
 */
export type Check =
  | 'form'
  | 'sha256'
  | 'chain'
  | 'epoch'
  | 'committee'
  | 'committee_root'
  | 'bitmap'
  | 'threshold'
  | 'signature'
  | 'layout'
  | 'path'
  | 'expiry'
  | 'possession'

/** INVALID_ARGUMENT: these bytes have no meaning at all. */
export function malformed(what: string, problem: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message: `not a ${what}: ${problem}`, metadata: { check: 'form' satisfies Check } })
}

/** PROOF_INVALID: they have a meaning, and it is not true. */
export function refused(check: Check, problem: string): ZerogError {
  return new ZerogError('PROOF_INVALID', { message: problem, metadata: { check } })
}
