import type { EvidenceRepository, KeptEvidence } from '../../app/broker/evidence-ports.ts'
import type { Batch, StoredReceipt } from '../../app/broker/repository.ts'

/** What is kept for evidence in memory, for tests. `books` are those of the broker's repository beside it. */
export function memoryEvidenceRepository(
  books: { readonly batches: () => readonly Batch[]; readonly receipts: (batchId: bigint) => readonly StoredReceipt[] } = {
    batches: () => [],
    receipts: () => [],
  },
): EvidenceRepository {
  const kept = new Map<bigint, { readonly evidence: KeptEvidence; readonly keptAtMs: number }>()
  return {
    async missing(sinceMs, limit) {
      return books
        .batches()
        .filter(({ batchId, state, publication, createdAtMs }) => {
          return state === 'settled' && publication !== undefined && createdAtMs >= sinceMs && !kept.has(batchId)
        })
        .map(({ batchId }) => batchId)
        .sort((a, b) => (a < b ? -1 : 1))
        .slice(0, limit)
    },
    async keep(batchId, evidence, nowMs) {
      if (!kept.has(batchId)) kept.set(batchId, { evidence, keptAtMs: nowMs })
    },
    kept: async (batchId) => kept.get(batchId)?.evidence,
    async samples(batchId) {
      const byKey = new Map<string, StoredReceipt>()
      const ordered = [...books.receipts(batchId)].sort((a, b) => (a.batch?.leafIndex ?? 0) - (b.batch?.leafIndex ?? 0))
      for (const stored of ordered) {
        const key = `${stored.receipt.user} ${stored.receipt.modelRoot}`
        if (!byKey.has(key)) byKey.set(key, stored)
      }
      return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, stored]) => stored)
    },
    async prune(beforeMs, limit) {
      const old = [...kept].filter(([, { keptAtMs }]) => keptAtMs < beforeMs).slice(0, limit)
      for (const [batchId] of old) kept.delete(batchId)
      return old.length
    },
  }
}
