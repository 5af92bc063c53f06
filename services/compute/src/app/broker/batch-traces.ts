import type { Traces } from '@zerog/ports'

/** Receipts whose trace is remembered until they are settled; beyond that, and after a restart, a settlement has a trace of its own. */
const RECEIPTS_MAX = 10_000

export type BatchTraces = {
  /** A receipt was made by the running request. */
  remember(receiptId: string): void
  /** A batch holds these receipts now. */
  built(batchId: bigint, receiptIds: readonly string[]): void
  /** Work for a batch, as a step of the traces of its receipts. */
  run<T>(batchId: bigint, name: string, work: () => Promise<T>): Promise<T>
}

/** Ties the settlement of receipts to the requests that they are for. Not durable: it explains, nothing depends on it. */
export function createBatchTraces(traces: Traces): BatchTraces {
  const ofReceipt = new Map<string, string>()
  let open: { readonly batchId: bigint; readonly of: readonly string[] } | undefined
  return {
    remember(receiptId) {
      const trace = traces.current()
      if (trace === undefined) return
      ofReceipt.set(receiptId, trace)
      for (const oldest of ofReceipt.keys()) {
        if (ofReceipt.size <= RECEIPTS_MAX) break
        ofReceipt.delete(oldest)
      }
    },
    built(batchId, receiptIds) {
      open = { batchId, of: receiptIds.flatMap((id) => ofReceipt.get(id) ?? []) }
      for (const id of receiptIds) ofReceipt.delete(id)
    },
    async run(batchId, name, work) {
      const scope = traces.begin({ name, of: open?.batchId === batchId ? open.of : [] })
      try {
        const done = await scope.run(work)
        scope.end()
        return done
      } catch (error) {
        scope.end(error)
        throw error
      }
    },
  }
}
