import { assert } from '@zerog/primitives'
import { defaultEngine } from './default-engine.ts'
import type { Engine } from './engine.ts'
import { RLC_BYTES } from './limits.ts'
import { merkleTree } from './merkle.ts'
import { layPayload } from './payload.ts'
import type { RowProof, StandaloneProof } from './proof.ts'
import { checkLayout, type Layout } from './shape.ts'
import { commitmentOf, deriveCoefficients, rlcAt } from './transcript.ts'

/** A coded bundle: everything that a disperser hands out. */
export type Encoded = {
  readonly layout: Layout
  readonly commitment: Uint8Array
  readonly rowRoot: Uint8Array
  readonly rlcRoot: Uint8Array
  /** Combinations of the original rows, k * 16 bytes: sent once per commitment, checks any row. */
  readonly rlc: Uint8Array
  /** All hashes over the rows, 64 bytes per row, for `pathIn`: what a thread hands over beside the rows. */
  readonly rowNodes: Uint8Array
  /** Row 0 to k + n - 1, a view. */
  row(index: number): Uint8Array
  /** A row with its path, checked beside `rlc`. The row is a view. */
  proof(index: number): RowProof
  /** An original row that proves itself alone. The row is a view. */
  standaloneProof(index: number): StandaloneProof
}

export type EncodeOptions = {
  readonly engine?: Engine
  /** Memory for all k + n rows, at least. The result lives in it until the caller uses it again; by default it is allocated. */
  readonly space?: Uint8Array
}

/**
 * Encodes a payload and commits to it. Memory: (k + n) rows, plus 64 bytes per row.
 * @throws ZerogError INVALID_ARGUMENT where the payload does not fit into the layout
 * @example encodePayload(bytes, layoutFor(bytes.length, { committeeRows: 512, rate: '1/4' })).commitment
 */
export function encodePayload(payload: Uint8Array, layout: Layout, options: EncodeOptions = {}): Encoded {
  const rows = spaceFor(layout, options)
  layPayload(rows.subarray(0, layout.k * layout.rowBytes), payload)
  return commit(rows, layout, options.engine ?? defaultEngine())
}

/**
 * Encodes rows as they are, without the header of a payload.
 * @param data k rows, one after the other
 */
export function encodeRows(data: Uint8Array, layout: Layout, options: EncodeOptions = {}): Encoded {
  const rows = spaceFor(layout, options)
  assert(data.length === layout.k * layout.rowBytes, 'k whole rows are encoded')
  rows.set(data)
  return commit(rows, layout, options.engine ?? defaultEngine())
}

function spaceFor(layout: Layout, { space }: EncodeOptions): Uint8Array {
  checkLayout(layout)
  const bytes = (layout.k + layout.n) * layout.rowBytes
  assert(space === undefined || space.length >= bytes, 'the space holds all rows')
  return space === undefined ? new Uint8Array(bytes) : space.subarray(0, bytes)
}

/** @param rows space for all rows, of which the originals are filled; owned by the result */
function commit(rows: Uint8Array, layout: Layout, engine: Engine): Encoded {
  const { k, n, rowBytes } = layout
  const data = rows.subarray(0, k * rowBytes)
  engine.encode(data, rows.subarray(k * rowBytes), layout)
  const row = (index: number): Uint8Array => {
    assert(Number.isInteger(index) && index >= 0 && index < k + n, 'a row of the code')
    return rows.subarray(index * rowBytes, (index + 1) * rowBytes)
  }
  const rowTree = merkleTree(k + n, row)
  const originals = Array.from({ length: k }, (_, index) => row(index))
  const rlc = engine.combine(originals, rowBytes, deriveCoefficients(rowTree.root, layout))
  const rlcTree = merkleTree(rlc.length / RLC_BYTES, (index) => rlcAt(rlc, index))
  return {
    layout,
    commitment: commitmentOf(rowTree.root, rlcTree.root),
    rowRoot: rowTree.root,
    rlcRoot: rlcTree.root,
    rlc,
    rowNodes: rowTree.nodes,
    row,
    proof: (index) => ({ index, row: row(index), path: rowTree.path(index) }),
    standaloneProof(index) {
      assert(index < k, 'only original rows prove themselves alone')
      return { index, row: row(index), path: rowTree.path(index), rlcPath: rlcTree.path(index) }
    },
  }
}
