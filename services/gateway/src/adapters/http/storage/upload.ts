import type { Client, Clock } from '@zerog/ports'
import type { Segment, StorageServiceDefinition } from '@zerog/proto/storage'
import { isPassing } from './face-error.ts'
import { STORAGE_LIMITS } from './limits.ts'

export type StorageClient = Client<StorageServiceDefinition>

const PAUSE_FIRST_MS = 100
const PAUSE_MAX_MS = 2_000

/**
 * Sends the segments of one call, which are in memory anyway, again while nodes or the storage gateway are away: 0G's clients try three
 * times, one second apart, which is shorter than a restart. Sending twice changes nothing.
 */
export async function sendSegments(
  client: StorageClient,
  request: { readonly segments: readonly Segment[]; readonly txSeq: number | undefined; readonly signal: AbortSignal },
  clock: Clock,
): Promise<void> {
  const untilMs = clock.monotonicMs() + STORAGE_LIMITS.uploadRetryMs
  for (let pauseMs = PAUSE_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MAX_MS)) {
    try {
      await client.uploadSegments(messages(request), { signal: request.signal })
      return
    } catch (error) {
      if (!isPassing(error) || request.signal.aborted || clock.monotonicMs() + pauseMs > untilMs) throw error
      await clock.sleep(pauseMs, request.signal)
    }
  }
}

async function* messages({ segments, txSeq }: { readonly segments: readonly Segment[]; readonly txSeq: number | undefined }) {
  for (const segment of segments) yield { segment, ...(txSeq === undefined ? {} : { txSeq: BigInt(txSeq) }) }
}
