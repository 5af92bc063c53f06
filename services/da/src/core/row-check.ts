import { createVerifier, type PackedRows, type RowProof, type Verifier } from '@zerog/erasure'
import { equalBytes, toHex } from '@zerog/primitives'
import { HASH_BYTES, VERIFIERS_KEPT_MAX } from '../limits.ts'

/** What rows of one commitment are checked with. */
export type CodeContext = {
  readonly commitment: Uint8Array
  readonly k: number
  readonly n: number
  readonly rowBytes: number
  readonly rowRoot: Uint8Array
  /** k * 16 bytes */
  readonly rlc: Uint8Array
}

export type { PackedRows }

/** @throws ZerogError as `Verifier.verify` of @zerog/erasure: then no row of the batch counts */
export type RowCheck = (context: CodeContext, rows: PackedRows) => void

type Known = { readonly context: CodeContext; readonly verifier: Verifier }

/**
 * Checks rows, and keeps what was derived for the commitments that came last (some milliseconds each): coefficients, the extended
 * vector and the proven part of the tree. All of that is public and holds for whoever sends the rows.
 */
export function createRowCheck(): RowCheck {
  const known = new Map<string, Known>()
  return (context, rows) => {
    const key = toHex(context.commitment)
    const found = known.get(key)
    const entry = found !== undefined && sameContext(found.context, context) ? found : { context, verifier: verifierOf(context) }
    entry.verifier.verifyPacked(rows)
    // Only now: what did not verify must not push out what did.
    known.delete(key)
    known.set(key, entry)
    if (known.size > VERIFIERS_KEPT_MAX) known.delete(known.keys().next().value as string) // the oldest; the map is not empty
  }
}

/** @throws ZerogError PROOF_INVALID where row root and vector are not those of the commitment */
function verifierOf({ commitment, k, n, rowBytes, rowRoot, rlc }: CodeContext): Verifier {
  return createVerifier({ shape: { k, n }, commitment, rlc, rowRoot, rowBytes })
}

function sameContext(a: CodeContext, b: CodeContext): boolean {
  const sameNumbers = a.k === b.k && a.n === b.n && a.rowBytes === b.rowBytes
  return sameNumbers && equalBytes(a.rowRoot, b.rowRoot) && equalBytes(a.rlc, b.rlc)
}

/** Views; nothing is copied. */
export function unpackRows({ indexes, bytes }: PackedRows, shape: Pick<CodeContext, 'k' | 'n' | 'rowBytes'>): RowProof[] {
  const depth = Math.log2(shape.k + shape.n)
  const strideBytes = shape.rowBytes + depth * HASH_BYTES
  return indexes.map((index, place) => {
    const start = place * strideBytes
    const pathStart = start + shape.rowBytes
    const sibling = (level: number) => bytes.subarray(pathStart + level * HASH_BYTES, pathStart + (level + 1) * HASH_BYTES)
    return { index, row: bytes.subarray(start, pathStart), path: Array.from({ length: depth }, (_, level) => sibling(level)) }
  })
}
