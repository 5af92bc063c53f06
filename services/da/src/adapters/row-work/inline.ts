import { createKernelEngine } from '@zerog/erasure/engines'
import type { RowChecker, RowRestorer } from '../../app/row-checker.ts'
import { createRowCheck } from '../../core/row-check.ts'

/** The same on the caller's thread: for the simulator, and to compare with. */
export function inlineRowWork(): RowChecker & RowRestorer {
  const check = createRowCheck()
  const engine = createKernelEngine()
  return {
    check: async (context, rows) => check(context, rows),
    restore: async ({ data, present, parity, ...layout }) => engine.restore(data, present, parity, layout),
  }
}
