import { trainWasm } from './train.wasm.ts'

/** What assembly/train.ts exports: addresses are bytes, lengths numbers of floats. See there. */
export type TrainKernel = {
  readonly memory: WebAssembly.Memory
  readonly DATA: WebAssembly.Global
  multiply(
    ...operands: [
      ...[a: number, aRow: number, aColumn: number],
      ...[b: number, bRow: number, bColumn: number],
      ...[c: number, cRow: number],
      ...[m: number, n: number, k: number, add: number],
    ]
  ): void
  gather(y: number, table: number, ids: number, count: number, width: number, factor: number): void
  scatter(table: number, dy: number, ids: number, count: number, width: number, factor: number): void
  pick(y: number, x: number, ids: number, count: number, width: number): void
  normalise(y: number, x: number, inverse: number, count: number, width: number): void
  normaliseBack(dx: number, dy: number, x: number, inverse: number, count: number, width: number): void
  attend(...operands: [out: number, qkv: number, p: number, slopes: number, ...AttentionSize]): void
  attendBack(...operands: [dqkv: number, dout: number, qkv: number, p: number, scratch: number, ...AttentionSize]): void
  rectify(x: number, count: number): void
  rectifyBack(dx: number, y: number, count: number): void
  crossEntropy(x: number, targets: number, weights: number, count: number, width: number, factor: number): number
  quantiseRows(y: number, x: number, rows: number, columns: number): void
  quantise(x: number, count: number, scale: number, low: number, high: number): void
  largest(x: number, count: number): number
  addTo(y: number, x: number, count: number): void
  squares(x: number, count: number): number
  adam(
    ...operands: [
      ...[w: number, g: number, m: number, v: number, count: number],
      ...[clip: number, beta1: number, beta2: number, rate1: number, correction2: number, decay: number],
    ]
  ): void
}

type AttentionSize = [length: number, heads: number, headWidth: number, factor: number]

/** Single-precision arithmetic for training, the same bits on every machine. */
export function createTrainKernel(): TrainKernel {
  const binary = Uint8Array.from(atob(trainWasm), (character) => character.charCodeAt(0))
  return new WebAssembly.Instance(new WebAssembly.Module(binary)).exports as unknown as TrainKernel // exactly these
}
