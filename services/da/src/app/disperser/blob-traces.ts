import type { Traces } from '@zerog/ports'

/** Blobs whose trace is remembered, the newest; a bundle of none of them, as after a restart, has a trace of its own. */
const BLOBS_MAX = 10_000

export type BlobTraces = {
  /** The running request brought this blob. */
  remember(blobId: string): void
  /** The making of a bundle, and whatever it sets off, as a step of the traces of its blobs. */
  bundle(blobIds: readonly string[], work: () => Promise<void>): Promise<void>
}

/** Ties bundles to the requests whose blobs they hold. Not durable: it explains, nothing depends on it. */
export function createBlobTraces(traces: Traces): BlobTraces {
  const ofBlob = new Map<string, string>()
  return {
    remember(blobId) {
      const trace = traces.current()
      if (trace === undefined) return
      ofBlob.set(blobId, trace)
      for (const oldest of ofBlob.keys()) {
        if (ofBlob.size <= BLOBS_MAX) break
        ofBlob.delete(oldest)
      }
    },
    async bundle(blobIds, work) {
      const of = [...new Set(blobIds)].flatMap((id) => ofBlob.get(id) ?? [])
      const scope = traces.begin({ name: 'make bundle', of })
      try {
        await scope.run(work)
        scope.end()
      } catch (error) {
        scope.end(error)
        throw error
      }
    },
  }
}
