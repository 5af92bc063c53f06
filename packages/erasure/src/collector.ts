import { assert, ZerogError } from '@zerog/primitives'
import { defaultEngine } from './default-engine.ts'
import type { Engine } from './engine.ts'
import { readPayload } from './payload.ts'
import type { RowProof } from './proof.ts'
import { createVerifier, type VerifierOptions } from './verify.ts'

/** Collects rows from anybody until any k of them are there. Memory: at most k rows, and as many again where parity was needed. */
export type Collector = {
  /**
   * Verifies a batch of one source and keeps its rows; duplicates and what is beyond k rows are verified and dropped.
   * @returns how many rows were new
   * @throws ZerogError as `Verifier.verify`; then nothing of the batch is kept and the source is to be distrusted
   */
  add(rows: readonly RowProof[]): number
  /** Distinct rows that are still missing. */
  missingRows(): number
  has(index: number): boolean
  /**
   * The k original rows, one after the other.
   * @throws ZerogError ROWS_INSUFFICIENT
   */
  rows(): Uint8Array
  /**
   * The payload.
   * @throws ZerogError ROWS_INSUFFICIENT, PAYLOAD_INVALID
   */
  payload(): Uint8Array
}

export type CollectorOptions = VerifierOptions & {
  /** Memory for k rows, whatever it holds. Rows and payload lie in it until the caller uses it again; by default it is allocated. */
  readonly space?: Uint8Array
}

/** @throws ZerogError as `createVerifier` */
export function createCollector(options: CollectorOptions, engine: Engine = defaultEngine()): Collector {
  const verifier = createVerifier(options, engine)
  const { k, n } = verifier.shape
  const present = new Uint8Array(k)
  const parity = new Map<number, Uint8Array>()
  let originals = 0
  let data: Uint8Array = new Uint8Array(0)
  let restored = false

  const missingRows = (): number => k - originals - parity.size
  const has = (index: number): boolean => (index < k ? present[index] === 1 : parity.has(index - k))
  const keep = ({ index, row }: RowProof): void => {
    if (data.length === 0) data = spaceFor(k * row.length, options)
    if (index < k) {
      data.set(row, index * row.length)
      present[index] = 1
      originals++
    } else parity.set(index - k, new Uint8Array(row)) // a copy also of a Buffer, whose slice would share memory
  }
  const rows = (): Uint8Array => {
    if (missingRows() > 0) {
      throw new ZerogError('ROWS_INSUFFICIENT', {
        message: `${k - missingRows()} distinct rows are there and any ${k} are needed`,
        metadata: { have: String(k - missingRows()), need: String(k) },
      })
    }
    if (!restored && originals < k) {
      const rowBytes = verifier.rowBytes()
      assert(rowBytes !== undefined, 'k rows were verified')
      engine.restore(data, present, parity, { k, n, rowBytes })
    }
    restored = true
    return data
  }

  return {
    add(batch) {
      verifier.verify(batch)
      let kept = 0
      for (const row of batch) {
        if (missingRows() === 0 || has(row.index)) continue
        keep(row)
        kept++
      }
      return kept
    },
    missingRows,
    has,
    rows,
    payload: () => readPayload(rows()),
  }
}

function spaceFor(bytes: number, { space }: CollectorOptions): Uint8Array {
  assert(space === undefined || space.length >= bytes, 'the space holds k rows')
  return space === undefined ? new Uint8Array(bytes) : space.subarray(0, bytes)
}
