import type { Member, Statement } from '@zerog/availability'
import type { CodedBundle } from './encoder/coder.ts'

/** One member of a committee as encoder and disperser reach it. Errors are its own, or DEPENDENCY_UNAVAILABLE, DEADLINE_EXCEEDED. */
export type MemberClient = {
  /** Resolves when the rows are durable there. Rows are sent as views: the bundle must stay until then. */
  putRows(
    request: { readonly statement: Statement; readonly coded: CodedBundle; readonly indexes: Uint32Array },
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<void>
  /** A compressed signature over the window of these bundles, 96 bytes; nothing is verified here. */
  signWindow(bundles: readonly Statement[], signal: AbortSignal): Promise<Uint8Array>
}

export type MemberConnector = (member: Member) => MemberClient
