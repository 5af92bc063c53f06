import { evmWasm } from './evm.wasm.ts'

/** What assembly/evm.ts exports. Addresses are byte offsets into `memory`. */
type Exports = {
  readonly memory: WebAssembly.Memory
  readonly A: WebAssembly.Global
  readonly BLAKE: WebAssembly.Global
  mul(): void
  div(): void
  mod(): void
  sdiv(): void
  smod(): void
  addmod(): void
  mulmod(): void
  exp(): void
  blake2f(rounds: number, isLast: boolean): void
}

export type EvmKernel = Omit<Exports, 'memory' | 'A' | 'BLAKE'> & {
  /**
   * 32 digits of 32 bits, the least significant first: the operands a (0 to 7), b (8 to 15) and m (16 to 23), and the result (24 to 31).
   * The operations may change a and b.
   */
  readonly words: Int32Array
  /** h (64 bytes), m (128) and t (16) of BLAKE2b's compression function; h is its result. */
  readonly blake: Uint8Array
}

/** 256-bit words of the EVM and BLAKE2b in WebAssembly. Compiled when it is called, once per thread is enough; the memory never grows. */
export function createEvmKernel(): EvmKernel {
  const binary = Uint8Array.from(atob(evmWasm), (character) => character.charCodeAt(0))
  const instance = new WebAssembly.Instance(new WebAssembly.Module(binary))
  const { memory, A, BLAKE, ...operations } = instance.exports as unknown as Exports // the generated module exports exactly these
  return {
    ...operations,
    words: new Int32Array(memory.buffer, A.value as number, 32),
    blake: new Uint8Array(memory.buffer, BLAKE.value as number, 208),
  }
}
