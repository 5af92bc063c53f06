/** As `zerog.da.v1.BlobState`. */
export type BlobState = 'queued' | 'dispersing' | 'certified' | 'finalized' | 'failed'

type Part = {
  readonly statement: unknown
  readonly certifiedAtMs: number | undefined
  readonly finalizedAtMs: number | undefined
}

/** A blob is as far as its last part; one part that is given up ends all. */
export function blobState({ failure, parts }: { readonly failure: unknown; readonly parts: readonly Part[] }): BlobState {
  if (failure !== undefined) return 'failed'
  if (parts.every(({ finalizedAtMs }) => finalizedAtMs !== undefined)) return 'finalized'
  if (parts.every(({ certifiedAtMs }) => certifiedAtMs !== undefined)) return 'certified'
  return parts.every(({ statement }) => statement !== undefined) ? 'dispersing' : 'queued'
}

/** The last of the times, once all are known. */
export function lastOf(times: readonly (number | undefined)[]): number | undefined {
  return times.reduce((last, time) => (last === undefined || time === undefined ? undefined : Math.max(last, time)), 0)
}
