import type { CodeContext, PackedRows } from '../core/row-check.ts'

/** Checks rows against a commitment, where it disturbs nobody: the bytes may lie in shared memory. */
export type RowChecker = {
  /** @throws ZerogError as `RowCheck`; QUEUE_FULL */
  check(context: CodeContext, rows: PackedRows): Promise<void>
}
