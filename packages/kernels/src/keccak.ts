import { keccakWasm } from './keccak.wasm.ts'

/** What assembly/keccak.ts exports. Addresses are byte offsets into `memory`. */
type Exports = {
  readonly memory: WebAssembly.Memory
  readonly ZEROS: WebAssembly.Global
  readonly NODES: WebAssembly.Global
  readonly INPUT: WebAssembly.Global
  subtreeRoot(count: number, height: number): void
  init(): void
  absorb(blocks: number): void
  finish(length: number): void
  digest(length: number): void
}

type Kernel = {
  readonly exports: Exports
  readonly memory: Uint8Array
  readonly zeros: number
  readonly nodes: number
  readonly input: number
  readonly scratch: KeccakScratch
}

const ENTRY_BYTES = 256
const HEIGHT_MAX = 10
const RATE_BYTES = 136
/** Bytes that fit into the kernel's input at once, in whole blocks. */
const ABSORBED_AT_ONCE = Math.floor((1024 * ENTRY_BYTES) / RATE_BYTES) * RATE_BYTES

let loaded: Kernel | undefined

/** Keccak-256 (the one before FIPS 202's padding, as Ethereum uses it). */
export function keccak256(bytes: Uint8Array): Uint8Array {
  const { exports, memory, nodes, input } = kernel()
  if (bytes.length <= KECCAK_SCRATCH_BYTES) {
    memory.set(bytes, input)
    exports.digest(bytes.length)
    return memory.slice(nodes, nodes + 32)
  }
  exports.init()
  let offset = 0
  while (bytes.length - offset >= RATE_BYTES) {
    const end = Math.min(offset + ABSORBED_AT_ONCE, bytes.length)
    const blocks = Math.floor((end - offset) / RATE_BYTES)
    memory.set(bytes.subarray(offset, offset + blocks * RATE_BYTES), input)
    exports.absorb(blocks)
    offset += blocks * RATE_BYTES
  }
  memory.set(bytes.subarray(offset), input)
  exports.finish(bytes.length - offset)
  return memory.slice(nodes, nodes + 32)
}

/**
 * The kernel's own input, for messages that are written for nothing but their hash: whoever fills `bytes[from .. from + length]` and calls
 * `digest` at once saves an array, a copy and two calls. Every other function here writes over it.
 */
export function keccakScratch(): KeccakScratch {
  return kernel().scratch
}

/** Bytes that fit into the scratch. */
export const KECCAK_SCRATCH_BYTES = ABSORBED_AT_ONCE - RATE_BYTES

export type KeccakScratch = {
  readonly bytes: Uint8Array
  readonly from: number
  /** Keccak-256 of the first `length` bytes of the scratch, at most `KECCAK_SCRATCH_BYTES`, into 32 bytes of `into` at `at`. */
  readonly digest: (length: number, into: Uint8Array, at: number) => void
}

/**
 * Root of the perfect Keccak-256 tree over `2 ** height` entries of 256 bytes, height 0 to 10. `data` are its first bytes, at most
 * `2 ** height * 256`; the rest is zero. One call into WebAssembly hashes leaves and inner nodes, two at a time.
 *
 * Whole tree of 262,144 bytes, one core: see docs/adr/0054.
 * @throws RangeError if the height or the length do not fit
 */
export function subtreeRoot(data: Uint8Array, height: number): Uint8Array {
  const { exports, memory, zeros, nodes, input } = kernel()
  if (!Number.isInteger(height) || height < 0 || height > HEIGHT_MAX || data.length > 2 ** height * ENTRY_BYTES) {
    throw new RangeError(`${data.length} bytes do not fit into a subtree of height ${height} (0 to ${HEIGHT_MAX})`)
  }
  if (data.length === 0) return memory.slice(zeros + height * 32, zeros + height * 32 + 32)
  const count = Math.ceil(data.length / ENTRY_BYTES)
  memory.set(data, input)
  memory.fill(0, input + data.length, input + count * ENTRY_BYTES)
  exports.subtreeRoot(count, height)
  return memory.slice(nodes, nodes + 32)
}

/** Both as the `TreeHasher` of @zerog/primitives. */
export const keccakTreeHasher = { keccak256, subtreeRoot } as const

function kernel(): Kernel {
  if (loaded === undefined) loaded = load()
  return loaded
}

/** Compiled at the first hash (about 1 ms), once per thread. The memory never grows, so one view of it stays valid. */
function load(): Kernel {
  const binary = Uint8Array.from(atob(keccakWasm), (character) => character.charCodeAt(0))
  const instance = new WebAssembly.Instance(new WebAssembly.Module(binary))
  const exports = instance.exports as unknown as Exports // the generated module exports exactly these
  const memory = new Uint8Array(exports.memory.buffer)
  const nodes = exports.NODES.value
  const input = exports.INPUT.value
  const digest = (length: number, into: Uint8Array, at: number): void => {
    exports.digest(length)
    for (let index = 0; index < 32; index++) into[at + index] = memory[nodes + index] as number
  }
  const scratch = { bytes: memory, from: input, digest }
  const made: Kernel = { exports, memory, zeros: exports.ZEROS.value, nodes, input, scratch }
  // Each height's zero root needs only those below it.
  memory.fill(0, made.input, made.input + ENTRY_BYTES)
  for (let height = 0; height <= HEIGHT_MAX; height++) {
    exports.subtreeRoot(1, height)
    memory.copyWithin(made.zeros + height * 32, made.nodes, made.nodes + 32)
  }
  return made
}
