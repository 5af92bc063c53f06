import { equalBytes, toHex, ZerogError } from '@zerog/primitives'
import { defaultEngine } from './default-engine.ts'
import type { Engine } from './engine.ts'
import { HASH_BYTES, RLC_BYTES } from './limits.ts'
import { foldPath } from './merkle.ts'
import {
  checkForm,
  checkPath,
  encodingInvalid,
  type RowProof,
  requireCommitment,
  requireRoot,
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
}

type Bound = { readonly rowRoot: Uint8Array; readonly rowBytes: number; readonly coefficients: Uint16Array }

/**
 * @throws ZerogError INVALID_ARGUMENT where the vector has the wrong length, PROOF_INVALID where `rowRoot` is given and vector and root
 *   do not lead to the commitment
 */
export function createVerifier(options: VerifierOptions, engine: Engine = defaultEngine()): Verifier {
  const shape = checkShape(options.shape)
  checkOptions(options)
  const { commitment } = options
  const rlc = new Uint8Array(options.rlc) // a copy also of a Buffer, whose slice would share memory
  const rlcRoot = rlcRootOf(rlc)
  if (options.rowRoot !== undefined)
    requireCommitment(commitmentOf(options.rowRoot, rlcRoot), commitment, 'row root and RLC vector')
  let bound: Bound | undefined
  let extended: Uint8Array | undefined

  return {
    shape,
    rowBytes: () => bound?.rowBytes ?? options.rowBytes,
    verify(rows) {
      const rowBytes = checkBatch(rows, shape, bound?.rowBytes ?? options.rowBytes)
      const roots = rows.map(({ index, row, path }) => foldPath(row, index, path))
      const known = bound?.rowRoot ?? options.rowRoot
      const rowRoot = known ?? (roots[0] as Uint8Array) // checkBatch refuses an empty batch
      // Nothing is known yet: the first row's root stands or falls with the commitment.
      if (known === undefined) requireCommitment(commitmentOf(rowRoot, rlcRoot), commitment, 'rows and RLC vector')
      for (const [place, root] of roots.entries()) requireRoot(root, rowRoot, (rows[place] as RowProof).index)
      const next = bound ?? { rowRoot, rowBytes, coefficients: deriveCoefficients(rowRoot, { ...shape, rowBytes }) }
      extended ??= extendRlc(rlc, shape, engine)
      checkCombinations(rows, extended, next, engine)
      bound = next
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
  const value = engine.combine(proof.row, layout.rowBytes, deriveCoefficients(rowRoot, layout))
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
function checkCombinations(rows: readonly RowProof[], extended: Uint8Array, bound: Bound, engine: Engine): void {
  for (let start = 0; start < rows.length; start += ROWS_AT_ONCE) {
    const part = rows.slice(start, start + ROWS_AT_ONCE)
    const joined = new Uint8Array(part.length * bound.rowBytes)
    for (const [place, { row }] of part.entries()) joined.set(row, place * bound.rowBytes)
    const values = engine.combine(joined, bound.rowBytes, bound.coefficients)
    for (const [place, { index }] of part.entries()) {
      if (!equalBytes(rlcAt(values, place), rlcAt(extended, index))) throw encodingInvalid(index)
    }
  }
}

/** Rows that are copied together for one combination: at most 16 MiB. */
const ROWS_AT_ONCE = 512

function checkHash(bytes: Uint8Array, name: string): void {
  if (bytes.length !== HASH_BYTES)
    throw formError(`the ${name} must be 32 bytes, not ${bytes.length} (${toHex(bytes.subarray(0, 40))})`)
}

function formError(message: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message, metadata: { check: 'form' } })
}
