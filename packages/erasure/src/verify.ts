import { concatBytes, equalBytes, toHex, ZerogError } from '@zerog/primitives'
import { defaultEngine } from './default-engine.ts'
import type { Engine } from './engine.ts'
import { HASH_BYTES, RLC_BYTES } from './limits.ts'
import { foldPath, type ProvenTree, provenTree } from './merkle.ts'
import {
  checkForm,
  checkIndex,
  checkPath,
  encodingInvalid,
  type PackedRows,
  type RowProof,
  requireCommitment,
  requireProven,
  type StandaloneProof,
} from './proof.ts'
import { checkRowBytes, checkShape, type Layout, type Shape } from './shape.ts'
import { commitmentOf, deriveCoefficients, extendRlc, rlcAt, rlcRootOf } from './transcript.ts'

export type VerifierOptions = {
  readonly shape: Shape
  readonly commitment: Uint8Array
  /** Combinations of the original rows, k * 16 bytes. */
  readonly rlc: Uint8Array
  /** Known from a certificate: then a wrong vector is told from a wrong row at once. */
  readonly rowRoot?: Uint8Array
  /** Known from a certificate. */
  readonly rowBytes?: number
}

/** Checks rows of one commitment. Row root, row size and coefficients stay after the first batch that passes. */
export type Verifier = {
  readonly shape: Shape
  /** Size of the rows, once known. */
  rowBytes(): number | undefined
  /**
   * All rows are right, or the call throws and nothing is kept.
   * @throws ZerogError INVALID_ARGUMENT (check `form`), PROOF_INVALID (checks `path`, `commitment`), ENCODING_INVALID (check
   *   `combination`); the check stands in the metadata
   */
  verify(rows: readonly RowProof[]): void
  /** The same for rows of `rowBytes` in one piece, without an object for each hash. @throws ZerogError as `verify`, where `rowBytes` is known */
  verifyPacked(rows: PackedRows): void
}

/** A row whose path is one piece. */
type LaidRow = { readonly index: number; readonly row: Uint8Array; readonly path: Uint8Array }

type Bound = {
  readonly rowRoot: Uint8Array
  readonly rowBytes: number
  readonly coefficients: Uint16Array
  readonly tree: ProvenTree
}

/**
 * @throws ZerogError INVALID_ARGUMENT where the vector has the wrong length, PROOF_INVALID where `rowRoot` is given and vector and root
 *   do not lead to the commitment
 */
export function createVerifier(options: VerifierOptions, engine: Engine = defaultEngine()): Verifier {
  const shape = checkShape(options.shape)
  checkOptions(options)
  const commitment = new Uint8Array(options.commitment)
  const rlc = new Uint8Array(options.rlc) // a copy also of a Buffer, whose slice would share memory
  const rlcRoot = rlcRootOf(rlc)
  if (options.rowRoot !== undefined)
    requireCommitment(commitmentOf(options.rowRoot, rlcRoot), commitment, 'row root and RLC vector')
  let bound: Bound | undefined
  let extended: Uint8Array | undefined

  /** The first row's root stands or falls with the commitment, unless the root was given. */
  const bind = ({ row, index, path }: LaidRow, rowBytes: number): Bound => {
    const rowRoot = options.rowRoot ?? foldPath(row, index, splitPath(path))
    if (options.rowRoot === undefined) requireCommitment(commitmentOf(rowRoot, rlcRoot), commitment, 'rows and RLC vector')
    const coefficients = deriveCoefficients(rowRoot, { ...shape, rowBytes })
    return { rowRoot, rowBytes, coefficients, tree: provenTree(rowRoot, shape.k + shape.n) }
  }

  /** All paths first: a row is combined when it is known to be committed to. */
  const verifyRows = (rows: readonly LaidRow[], rowBytes: number): void => {
    const next = bound ?? bind(rows[0] as LaidRow, rowBytes) // an empty batch was refused
    for (const { index, row, path } of rows) requireProven(next.tree.proves(row, index, path), next.rowRoot, index)
    extended ??= extendRlc(rlc, shape, engine)
    checkCombinations(rows, extended, next, engine)
    bound = next
  }

  return {
    shape,
    rowBytes: () => bound?.rowBytes ?? options.rowBytes,
    verify(rows) {
      const rowBytes = checkBatch(rows, shape, bound?.rowBytes ?? options.rowBytes)
      verifyRows(
        rows.map(({ index, row, path }) => ({ index, row, path: concatBytes(...path) })),
        rowBytes,
      )
    },
    verifyPacked(packed) {
      const rowBytes = bound?.rowBytes ?? options.rowBytes
      if (rowBytes === undefined) throw formError('rows in one piece need their size')
      verifyRows(layRows(packed, shape, rowBytes), rowBytes)
    },
  }
}

/**
 * Checks one original row without the RLC vector: what a ranged read or a light client holds.
 * @throws ZerogError INVALID_ARGUMENT (check `form`), PROOF_INVALID (check `commitment`)
 */
export function verifyStandalone(
  { proof, shape, commitment }: { readonly proof: StandaloneProof; readonly shape: Shape; readonly commitment: Uint8Array },
  engine: Engine = defaultEngine(),
): void {
  checkShape(shape)
  checkHash(commitment, 'commitment')
  checkForm(proof, shape)
  if (proof.index >= shape.k)
    throw formError(`row ${proof.index} is parity: only the ${shape.k} original rows prove themselves alone`)
  checkPath(proof.rlcPath, shape.k, `the RLC path of row ${proof.index}`)
  const rowRoot = foldPath(proof.row, proof.index, proof.path)
  const layout: Layout = { ...shape, rowBytes: proof.row.length }
  const value = engine.combine([proof.row], layout.rowBytes, deriveCoefficients(rowRoot, layout))
  const rlcRoot = foldPath(value, proof.index, proof.rlcPath)
  requireCommitment(commitmentOf(rowRoot, rlcRoot), commitment, `row ${proof.index} and its paths`)
}

function checkOptions({ shape, commitment, rlc, rowRoot, rowBytes }: VerifierOptions): void {
  checkHash(commitment, 'commitment')
  if (rowRoot !== undefined) checkHash(rowRoot, 'row root')
  if (rowBytes !== undefined) checkRowBytes(rowBytes)
  if (rlc.length !== shape.k * RLC_BYTES)
    throw formError(`the RLC vector must be ${shape.k * RLC_BYTES} bytes, not ${rlc.length}`)
}

/** Views. */
function layRows({ indexes, bytes }: PackedRows, shape: Shape, rowBytes: number): LaidRow[] {
  const pathBytes = Math.log2(shape.k + shape.n) * HASH_BYTES
  const strideBytes = rowBytes + pathBytes
  if (indexes.length === 0) throw formError('a batch has at least one row')
  if (bytes.length !== indexes.length * strideBytes)
    throw formError(`${indexes.length} rows with their paths have ${indexes.length * strideBytes} bytes, not ${bytes.length}`)
  return indexes.map((index, place) => {
    checkIndex(index, shape)
    const start = place * strideBytes
    const pathStart = start + rowBytes
    return { index, row: bytes.subarray(start, pathStart), path: bytes.subarray(pathStart, start + strideBytes) }
  })
}

/** Returns the one row size of the batch. */
function checkBatch(rows: readonly RowProof[], shape: Shape, expected: number | undefined): number {
  const first = rows[0]
  if (first === undefined) throw formError('a batch has at least one row')
  const rowBytes = expected ?? first.row.length
  for (const row of rows) {
    checkForm(row, shape)
    if (row.row.length !== rowBytes) throw formError(`row ${row.index} has ${row.row.length} bytes, not ${rowBytes}`)
  }
  return rowBytes
}

/** @throws ZerogError ENCODING_INVALID */
function checkCombinations(
  rows: readonly LaidRow[],
  extended: Uint8Array,
  { rowBytes, coefficients }: Bound,
  engine: Engine,
): void {
  const values = engine.combine(
    rows.map(({ row }) => row),
    rowBytes,
    coefficients,
  )
  for (const [place, { index }] of rows.entries()) {
    if (!equalBytes(rlcAt(values, place), rlcAt(extended, index))) throw encodingInvalid(index)
  }
}

function splitPath(path: Uint8Array): Uint8Array[] {
  return Array.from({ length: path.length / HASH_BYTES }, (_, level) =>
    path.subarray(level * HASH_BYTES, (level + 1) * HASH_BYTES),
  )
}

function checkHash(bytes: Uint8Array, name: string): void {
  if (bytes.length !== HASH_BYTES)
    throw formError(`the ${name} must be 32 bytes, not ${bytes.length} (${toHex(bytes.subarray(0, 40))})`)
}

function formError(message: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message, metadata: { check: 'form' } })
}
