import { LIMITS } from '../../limits.ts'

const REQUEST_ID = /^[\w.:-]+$/

/** The caller's request id if it is short and plain, else a new one. It stands in the answer, in logs and in errors. */
export function requestIdOf(header: string | readonly string[] | undefined, uuid: () => string): string {
  if (typeof header === 'string' && header.length <= LIMITS.requestIdLengthMax && REQUEST_ID.test(header)) return header
  return uuid()
}
