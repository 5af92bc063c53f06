import type { Kv } from '@zerog/ports'
import { bigintToBytes, concatBytes } from '@zerog/primitives'
import type { Receipt } from '../../core/receipt.ts'
import { encodeFileKey, FILE_KEY_BYTES, type FileKey, type SegmentKey } from '../../core/segment-key.ts'

const TABLE = 'promises'

/**
 * What this node signed for, kept apart from the segments: a lost blob file would take its own index with it, and nobody would
 * miss it.
 */
export type Promises = {
  /** Durable before the receipt leaves the node. */
  remember(receipt: Receipt): Promise<void>
  forget(file: FileKey): Promise<void>
  segments(): Iterable<SegmentKey>
}

export function promises(kv: Kv): Promises {
  return {
    async remember(receipt) {
      const value = concatBytes(bigintToBytes(BigInt(receipt.issuedAtMs), 8), receipt.signature)
      kv.write([{ table: TABLE, key: promiseKey(receipt), value }])
      await kv.flush()
    },
    async forget(file) {
      const from = encodeFileKey(file)
      const keys = [...kv.range(TABLE, { from, to: concatBytes(from, new Uint8Array(9).fill(255)) })].map(([key]) => key)
      if (keys.length === 0) return
      kv.write(keys.map((key) => ({ table: TABLE, key, value: null })))
      await kv.flush()
    },
    *segments() {
      for (const [key] of kv.range(TABLE)) yield* segmentsOfPromise(key)
    },
  }
}

/** File key | first segment (4) | number of segments (4). */
function promiseKey(receipt: Receipt): Uint8Array {
  const range = concatBytes(bigintToBytes(BigInt(receipt.segmentFirst), 4), bigintToBytes(BigInt(receipt.segmentCount), 4))
  return concatBytes(encodeFileKey(receipt), range)
}

function* segmentsOfPromise(key: Uint8Array): Iterable<SegmentKey> {
  const view = new DataView(key.buffer, key.byteOffset, key.length)
  const file = { root: key.slice(0, 32), sizeBytes: Number(view.getBigUint64(32)) }
  const first = view.getUint32(FILE_KEY_BYTES)
  const count = view.getUint32(FILE_KEY_BYTES + 4)
  for (let index = first; index < first + count; index++) yield { ...file, index }
}
