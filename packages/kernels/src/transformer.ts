import { transformerWasm } from './transformer.wasm.ts'

/** What assembly/transformer.ts exports: addresses are bytes, lengths numbers of elements, shifts 64-bit. See there. */
export type TransformerKernel = {
  readonly memory: WebAssembly.Memory
  readonly DATA: WebAssembly.Global
  linear(
    ...operands: [
      ...[out: number, input: number, rows: number, columns: number],
      ...[weights: number, outputs: number, correction: number, multipliers: number, shift: bigint],
    ]
  ): void
  embed(
    ...operands: [x: number, row: number, columns: number, correction: number, multiplier: number, shift: bigint, limit: number]
  ): void
  accumulate(x: number, delta: number, count: number, limit: number): void
  normalise(out: number, x: number, columns: number, multiplier: number, shift: bigint, zero: number): void
  toBytes(out: number, values: number, count: number, zero: number): void
  activate(out: number, values: number, count: number, zero: number, table: number, outZero: number): void
  attend(
    ...operands: [
      ...[out: number, query: number, keys: number, values: number, position: number, heads: number, headWidth: number],
      ...[scoreMultiplier: number, scoreShift: bigint, scoreLimit: number, slopes: number],
      ...[mixedMultiplier: number, mixedShift: bigint, mixedZero: number, powers: number, scores: number],
    ]
  ): void
}

let compiled: WebAssembly.Module | undefined

/** Integer arithmetic of the transformer in a memory of its own, which grows as the caller needs. Compiled once per thread. */
export function createTransformerKernel(): TransformerKernel {
  compiled ??= new WebAssembly.Module(Uint8Array.from(atob(transformerWasm), (character) => character.charCodeAt(0)))
  return new WebAssembly.Instance(compiled).exports as unknown as TransformerKernel // exactly these
}
