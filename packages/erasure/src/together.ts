import { ZerogError } from '@zerog/primitives'
import { defaultEngine } from './default-engine.ts'
import type { Engine } from './engine.ts'
import { CHUNK_BYTES, RLC_BYTES } from './limits.ts'
import { fillTree, hashLeaves, merkleTree, rootIn } from './merkle.ts'
import { checkLayout, type Layout } from './shape.ts'
import { commitmentOf, deriveCoefficients, rlcAt } from './transcript.ts'

/** Memory of one encoding that its threads share; all of it in SharedArrayBuffers where there is more than one. */
export type CodingSpace = {
  /** All k + n rows; header and payload stand in the original ones (`layHeader`). */
  readonly rows: Uint8Array
  /** Every hash over the rows, 64 bytes per row. */
  readonly nodes: Uint8Array
  /** k * 16 bytes. */
  readonly rlc: Uint8Array
  /** `CONTROL_WORDS` words, zero before the first thread begins. */
  readonly control: Int32Array
}

export type Commitment = { readonly commitment: Uint8Array; readonly rowRoot: Uint8Array }

/** Columns that are coded at once: blocks of the kernel have half of it. */
const COLUMNS_BYTES = 1024
const COLUMN_PIECES_MAX = 8
const LEAVES_AT_ONCE = 256
const COMBINED_AT_ONCE = 128

/** Work that may only begin when all of the step before is done. */
type Step = { readonly pieces: number; readonly work: (piece: number) => void }

const STEPS = 4
const FAILED = 2 * STEPS
/** Per step the next piece and how many are done, and whether a thread failed. */
export const CONTROL_WORDS = 2 * STEPS + 1
/** A thread that took a piece and died is found by this, ms: the longest piece takes some hundred. */
const PIECE_MS_MAX = 20_000

/**
 * Encodes and commits like `encodePayload`, as one of any number of threads that call this with the same memory: each takes the next piece of
 * work that nobody has. One alone does all of it, and whoever comes late finds little or nothing left. Every thread gets the result.
 * @throws Error where another thread failed or died; what the memory holds then is worth nothing
 */
export function encodeTogether(space: CodingSpace, layout: Layout, engine: Engine = defaultEngine()): Commitment {
  const { k, n, rowBytes } = checkLayout(layout)
  const { rows, nodes, rlc, control } = space
  const data = rows.subarray(0, k * rowBytes)
  const parity = rows.subarray(k * rowBytes, (k + n) * rowBytes)
  const row = (index: number): Uint8Array => rows.subarray(index * rowBytes, (index + 1) * rowBytes)
  const columns = columnPieces(rowBytes)
  let coefficients: Uint16Array | undefined
  const combined = Math.min(k, COMBINED_AT_ONCE)
  const leaves = Math.min(k + n, LEAVES_AT_ONCE)
  const steps: readonly [Step, Step, Step, Step] = [
    {
      pieces: columns.length,
      work: (piece) => engine.encode(data, parity, layout, columns[piece]),
    },
    {
      pieces: (k + n) / leaves,
      work: (piece) => hashLeaves({ nodes, count: k + n }, row, { first: piece * leaves, count: leaves }),
    },
    { pieces: 1, work: () => fillTree(nodes, k + n) },
    {
      pieces: k / combined,
      work(piece) {
        coefficients ??= deriveCoefficients(rootIn(nodes), layout)
        const first = piece * combined
        const originals = Array.from({ length: combined }, (_, place) => row(first + place))
        rlc.set(engine.combine(originals, rowBytes, coefficients), first * RLC_BYTES)
      },
    },
  ]
  try {
    for (const [index, step] of steps.entries()) takePieces(step, index, control)
  } catch (error) {
    Atomics.store(control, FAILED, 1)
    for (let index = 0; index < STEPS; index++) Atomics.notify(control, STEPS + index)
    throw error
  }
  const rowRoot = rootIn(nodes)
  const rlcTree = merkleTree(k, (index) => rlcAt(rlc, index))
  return { commitment: commitmentOf(rowRoot, rlcTree.root), rowRoot }
}

function takePieces({ pieces, work }: Step, index: number, control: Int32Array): void {
  const done = STEPS + index
  for (let piece = Atomics.add(control, index, 1); piece < pieces; piece = Atomics.add(control, index, 1)) {
    work(piece)
    if (Atomics.add(control, done, 1) === pieces - 1) Atomics.notify(control, done)
  }
  for (let count = Atomics.load(control, done); count < pieces; count = Atomics.load(control, done)) {
    if (Atomics.load(control, FAILED) !== 0) throw lost('another thread failed')
    if (Atomics.wait(control, done, count, PIECE_MS_MAX) === 'timed-out') throw lost('another thread does not finish')
  }
}

/** Bounds at multiples of 64 bytes, of equal width as far as possible. */
function columnPieces(rowBytes: number): readonly { readonly from: number; readonly to: number }[] {
  const chunks = rowBytes / CHUNK_BYTES
  const count = Math.max(1, Math.min(COLUMN_PIECES_MAX, Math.floor(rowBytes / COLUMNS_BYTES)))
  const bound = (piece: number) => Math.floor((piece * chunks) / count) * CHUNK_BYTES
  return Array.from({ length: count }, (_, piece) => ({ from: bound(piece), to: bound(piece + 1) }))
}

function lost(message: string): ZerogError {
  return new ZerogError('INTERNAL', { message: `the bundle is coded again: ${message}` })
}
