import type { SegmentMask } from '../../core/ranges.ts'
import { RECORD_BATCH_MAX } from '../../limits.ts'
import type { HoldingRef, StorageRepository } from '../repository.ts'

export type StoredMark = HoldingRef & { readonly segments: SegmentMask }

/**
 * Group commit: marks that arrive while a transaction runs share the next one. Resolves when the marks are durable, with what each
 * holding stores now; undefined where the holding is gone.
 */
export type Recorder = { record(marks: readonly StoredMark[]): Promise<readonly (SegmentMask | undefined)[]> }

type Waiting = {
  readonly marks: readonly StoredMark[]
  readonly resolve: (stored: readonly (SegmentMask | undefined)[]) => void
  readonly reject: (error: unknown) => void
}

export function recorder(repository: Pick<StorageRepository, 'recordStored'>): Recorder {
  let waiting: Waiting[] = []
  let running = false

  async function run(): Promise<void> {
    running = true
    while (waiting.length > 0) {
      const batch = takeBatch()
      try {
        const stored = await repository.recordStored(batch.flatMap((entry) => entry.marks))
        let offset = 0
        for (const entry of batch) {
          entry.resolve(stored.slice(offset, offset + entry.marks.length))
          offset += entry.marks.length
        }
      } catch (error) {
        for (const entry of batch) entry.reject(error)
      }
    }
    running = false
  }

  function takeBatch(): Waiting[] {
    let count = 0
    let length = 0
    for (const entry of waiting) {
      if (length > 0 && count + entry.marks.length > RECORD_BATCH_MAX) break
      count += entry.marks.length
      length++
    }
    const batch = waiting.slice(0, length)
    waiting = waiting.slice(length)
    return batch
  }

  return {
    record: (marks) =>
      new Promise((resolve, reject) => {
        waiting.push({ marks, resolve, reject })
        if (!running) void run()
      }),
  }
}
