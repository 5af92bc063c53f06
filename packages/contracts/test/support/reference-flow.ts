import { fromHex, type Hex, hashPair, referenceHasher, toHex, zeroRoot } from '@zerog/primitives'
import type { Node } from './storage-client.ts'

type Placed = { readonly start: bigint; readonly size: bigint; readonly root: Uint8Array }

/**
 * The flow tree, written down the slow way and independent of the contract: a list of placed subtrees, and a root that is computed
 * from the top each time. Leaf 0 is 32 zero bytes, sectors that nobody placed are zero sectors.
 */
export class ReferenceFlow {
  readonly #placed: Placed[] = [{ start: 0n, size: 1n, root: new Uint8Array(32) }]
  length = 1n

  /** Returns the start position. */
  submit(nodes: readonly Node[]): bigint {
    const sectors = nodes.reduce((sum, { height }) => sum + 2n ** height, 0n)
    let start = alignUp(this.length, 2n ** (nodes[0] as Node).height)
    const isAtSegment = start % 1024n === 0n
    const lastSector = start + sectors - 1n
    if (!isAtSegment && lastSector / 1024n > start / 1024n) start = alignUp(start, 1024n)
    this.length = start
    for (const { height, root } of nodes) {
      const size = 2n ** height
      const position = alignUp(this.length, size)
      this.#placed.push({ start: position, size, root: fromHex(root, 32) })
      this.length = position + size
    }
    return start
  }

  /** Levels of the tree over the next power of two. */
  get levels(): bigint {
    let levels = 1n
    while (2n ** (levels - 1n) < this.length) levels++
    return levels
  }

  root(): Hex {
    return toHex(this.#rootOf(0n, Number(this.levels) - 1, this.#placed))
  }

  #rootOf(start: bigint, height: number, candidates: readonly Placed[]): Uint8Array {
    const size = 2n ** BigInt(height)
    const inside = candidates.filter((placed) => placed.start < start + size && placed.start + placed.size > start)
    if (inside.length === 0) return zeroRoot(height)
    const [only] = inside as [Placed]
    if (inside.length === 1 && only.start === start && only.size === size) return only.root
    const half = size / 2n
    return hashPair(referenceHasher, this.#rootOf(start, height - 1, inside), this.#rootOf(start + half, height - 1, inside))
  }
}

function alignUp(value: bigint, step: bigint): bigint {
  return ((value + step - 1n) / step) * step
}
