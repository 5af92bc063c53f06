import type { Member, Statement } from '@zerog/availability'
import type { RowProof } from '@zerog/erasure'

/** One member as a reader sees it. What it says is checked by the reader. */
export type Source = {
  rows(
    request: { readonly commitment: Uint8Array; readonly indexes: readonly number[] },
    signal: AbortSignal,
  ): AsyncIterable<readonly RowProof[]>
  /** NOT_FOUND, BUNDLE_EXPIRED */
  code(
    commitment: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly bundle: Statement; readonly rlc: Uint8Array; readonly rowRoot: Uint8Array }>
}

/** @throws ZerogError DEPENDENCY_UNAVAILABLE where its socket leads nowhere */
export type SourceConnector = (member: Member) => Source
