import { sha256Wasm } from './sha256.wasm.ts'

/** What assembly/sha256.ts exports. Addresses are byte offsets into `memory`. */
type Exports = {
  readonly memory: WebAssembly.Memory
  readonly NODES: WebAssembly.Global
  readonly LEAVES_MAX: WebAssembly.Global
  readonly SEED: WebAssembly.Global
  hashTree(count: number): void
  hashCounters(first: number, count: number): void
}

type Kernel = { readonly exports: Exports; readonly memory: Uint8Array; readonly nodes: number; readonly seed: number }

/** Leaves of a tree that `sha256Tree` takes. */
export const TREE_LEAVES_MAX = 16_384
/** Counters that the kernel has room for at once. */
const COUNTERS_MAX = 32_768

let loaded: Kernel | undefined

/**
 * Fills the inner nodes of a tree, four at once: node i = SHA-256(1 ‖ node 2i ‖ node 2i + 1).
 * @param nodes 2 * count * 32 bytes; the leaves lie in its second half, the root will lie at 32
 * @param count power of two, at most 16384
 */
export function sha256Tree(nodes: Uint8Array, count: number): void {
  const { exports, memory, nodes: at } = kernel()
  if (count > TREE_LEAVES_MAX || nodes.length !== 2 * count * 32)
    throw new RangeError(`no tree of ${count} leaves in ${nodes.length} bytes`)
  memory.set(nodes.subarray(count * 32), at + count * 32)
  exports.hashTree(count)
  nodes.set(memory.subarray(at + 32, at + count * 32), 32)
}

/**
 * For each counter i below `count` the 16 bytes a XOR b where a ‖ b = SHA-256(seed ‖ i as u32 little-endian).
 * @param seed 32 bytes
 * @param count multiple of 4
 */
export function sha256Counters(seed: Uint8Array, count: number): Uint8Array {
  const { exports, memory, nodes, seed: seedAt } = kernel()
  if (seed.length !== 32 || count % 4 !== 0)
    throw new RangeError(`a seed of 32 bytes and a multiple of 4, not ${seed.length} and ${count}`)
  memory.set(seed, seedAt)
  const out = new Uint8Array(count * 16)
  for (let first = 0; first < count; first += COUNTERS_MAX) {
    const part = Math.min(COUNTERS_MAX, count - first)
    exports.hashCounters(first, part)
    out.set(memory.subarray(nodes, nodes + part * 16), first * 16)
  }
  return out
}

function kernel(): Kernel {
  loaded ??= load()
  return loaded
}

/** Compiled at the first use, once per thread. The memory never grows. */
function load(): Kernel {
  const binary = Uint8Array.from(atob(sha256Wasm), (character) => character.charCodeAt(0))
  const exports = new WebAssembly.Instance(new WebAssembly.Module(binary)).exports as unknown as Exports // exactly these
  return { exports, memory: new Uint8Array(exports.memory.buffer), nodes: exports.NODES.value, seed: exports.SEED.value }
}
