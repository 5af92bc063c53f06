import type { CodeContext, PackedRows } from '../core/row-check.ts'

/** Checks rows against a commitment, where it disturbs nobody: the bytes may lie in shared memory. */
export type RowChecker = {
  /** @throws ZerogError as `RowCheck`; QUEUE_FULL, SHUTTING_DOWN */
  check(context: CodeContext, rows: PackedRows): Promise<void>
}

/** What is there of a bundle: k rows of space, which of them are filled, and verified parity rows by parity index. */
export type Restoration = {
  readonly k: number
  readonly n: number
  readonly rowBytes: number
  /** In shared memory. */
  readonly data: Uint8Array
  readonly present: Uint8Array
  readonly parity: ReadonlyMap<number, Uint8Array>
}

/** Fills the missing original rows in `data`, where it disturbs nobody. Together at least k rows are there. */
export type RowRestorer = {
  restore(job: Restoration): Promise<void>
}
