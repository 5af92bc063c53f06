import { ZerogError } from '@zerog/primitives'

/** PROOF_INVALID: what a link says when it does not hold. */
export function refuse(problem: string): never {
  throw new ZerogError('PROOF_INVALID', { message: problem })
}
