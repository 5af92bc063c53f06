import type { Statement } from '@zerog/availability'
import type { Kv } from '@zerog/ports'
import { bigintToBytes, bytesToBigint, concatBytes, ZerogError } from '@zerog/primitives'
import { decodeStoreKey, manifestKey } from '../../core/node/holding-key.ts'
import { EXPIRED_REMEMBERED_SECONDS, JOB_BATCH_MAX } from '../../limits.ts'

const PROMISED = 'promised'
const EXPIRED = 'expired'
const EXPIRED_BY_TIME = 'expired_by_time'

/**
 * What this node signed for and what it let go, apart from the rows: a damaged log of rows may take its own index with it, and nobody
 * would miss them. Rows stand by their own sync; these notes help to find what is gone, so they are flushed behind the answer.
 */
export type Promises = {
  remember(bundles: readonly Statement[]): void
  /** The promise has ended; for a while the commitment is known as expired. */
  end(bundle: Statement, nowSeconds: bigint): void
  /** Until when the rows of a commitment were kept that are no longer here. */
  expiredAt(commitment: Uint8Array): bigint | undefined
  /** What was signed and has not ended. */
  all(): Iterable<Statement>
  flush(): Promise<void>
}

export function promises(kv: Kv): Promises {
  return {
    remember(bundles) {
      const keys = bundles.map(noteKey).filter((key) => readNote(kv, PROMISED, key) === undefined)
      if (keys.length > 0) kv.write(keys.map((key) => ({ table: PROMISED, key, value: Uint8Array.of(1) })))
    },
    end(bundle, nowSeconds) {
      const expiry = bigintToBytes(bundle.expiry, 8)
      const before = readNote(kv, EXPIRED, bundle.commitment)
      const latest = before !== undefined && bytesToBigint(before) > bundle.expiry ? before : expiry
      kv.write([
        { table: PROMISED, key: noteKey(bundle), value: null },
        { table: EXPIRED, key: bundle.commitment, value: latest },
        { table: EXPIRED_BY_TIME, key: concatBytes(expiry, bundle.commitment), value: Uint8Array.of(1) },
      ])
      forgetOld(kv, nowSeconds - BigInt(EXPIRED_REMEMBERED_SECONDS))
    },
    expiredAt(commitment) {
      const value = readNote(kv, EXPIRED, commitment)
      return value && bytesToBigint(value)
    },
    *all() {
      for (const [key] of kv.range(PROMISED)) {
        const named = decodeStoreKey(key)
        if (named?.kind === 'manifest') yield named.bundle
      }
    },
    flush: () => kv.flush(),
  }
}

/** A damaged note is as good as none: it is written again. */
function readNote(kv: Kv, table: string, key: Uint8Array): Uint8Array | undefined {
  try {
    return kv.get(table, key)
  } catch (error) {
    if (error instanceof ZerogError && error.reason === 'RECORD_CORRUPT') return undefined
    throw error
  }
}

const noteKey = (bundle: Statement) => manifestKey(bundle, 0)

/** A little at each end of a promise: as many go as come, and then some. */
function forgetOld(kv: Kv, beforeSeconds: bigint): void {
  if (beforeSeconds <= 0n) return
  const old = [...kv.range(EXPIRED_BY_TIME, { to: bigintToBytes(beforeSeconds, 8), limit: JOB_BATCH_MAX })]
  if (old.length === 0) return
  kv.write(
    old.flatMap(([key]) => {
      const commitment = key.slice(8)
      const latest = readNote(kv, EXPIRED, commitment)
      const renewed = latest !== undefined && bytesToBigint(latest) >= beforeSeconds
      return [
        { table: EXPIRED_BY_TIME, key: key.slice(), value: null },
        ...(renewed ? [] : [{ table: EXPIRED, key: commitment, value: null }]),
      ]
    }),
  )
}
