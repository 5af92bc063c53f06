import { ZerogError } from '@zerog/primitives'

/** Another process took over settlement with a newer lease: this one must stop at once. */
export function fenced(token: bigint, newest: bigint): ZerogError {
  return new ZerogError('FENCED', {
    message: `settlement is led by another broker (its token ${newest}, ours ${token})`,
    metadata: { token: String(token), newest: String(newest) },
  })
}

export function batchGone(batchId: bigint): ZerogError {
  return new ZerogError('WRONG_STATE', { message: `batch ${batchId} is not open`, metadata: { batchId: String(batchId) } })
}

export function claimTaken(what: string): ZerogError {
  return new ZerogError('WRONG_STATE', {
    message: `${what} changed while a batch was made of it; the next round takes what is there`,
  })
}
