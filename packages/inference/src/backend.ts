/** A position to compute: the token stands at `position` of the sequence in `slot`, all positions before it are computed. */
export type Row = { readonly slot: number; readonly position: number; readonly token: number; readonly wantsLogits: boolean }

/** The arithmetic behind an engine: interpreter or WebAssembly. Rows of one call may be of any slots, in order within each slot. */
export type Backend = {
  readonly kernels: 'wasm' | 'typescript'
  readonly memoryBytes: number
  readonly rowsMax: number
  /** Logits of the rows that want them, in their order: octaves in Q16. Valid until the next call. */
  run(rows: readonly Row[]): Int32Array[]
}

export type BackendOptions = { readonly slots: number; readonly rowsMax: number }
