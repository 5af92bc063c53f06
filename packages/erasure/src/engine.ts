import type { Layout } from './shape.ts'

/** Bytes `from` to `to` of every row. */
export type Columns = { readonly from: number; readonly to: number }

/** The arithmetic of the code. Two forms give the same bytes: `plainEngine`, the reference, and the kernels in WebAssembly. */
export type Engine = {
  /**
   * Parity of `data` into `parity`.
   * @param data k rows, k * rowBytes bytes
   * @param parity n rows, n * rowBytes bytes; overwritten
   * @param columns bytes of each row that are coded and written, at multiples of 64; by default all: columns do not depend on each other
   */
  encode(data: Uint8Array, parity: Uint8Array, layout: Layout, columns?: Columns): void
  /**
   * Restores the missing original rows in `data` from its present rows and from parity rows; together at least k.
   * @param data k rows; those whose entry of `present` is 0 are overwritten, whatever they held
   * @param present k entries, 1 where the row of `data` was received
   * @param parity received parity rows by parity index, 0 to n - 1
   */
  restore(data: Uint8Array, present: Uint8Array, parity: ReadonlyMap<number, Uint8Array>, layout: Layout): void
  /**
   * Random linear combination of each row: the sum of symbol i times coefficient i.
   * @param rows of `rowBytes` each
   * @param coefficients 8 values per symbol, rowBytes / 2 * 8 in all
   * @returns 16 bytes per row, 8 little-endian values
   */
  combine(rows: readonly Uint8Array[], rowBytes: number, coefficients: Uint16Array): Uint8Array
}
