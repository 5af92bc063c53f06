import { equalBytes, toHex, ZerogError } from '@zerog/primitives'
import { HASH_BYTES } from './limits.ts'
import { checkRowBytes, type Shape } from './shape.ts'

/** A row of the code and its siblings from leaf to root. */
export type RowProof = { readonly index: number; readonly row: Uint8Array; readonly path: readonly Uint8Array[] }

/** Rows with their paths, one after the other: row, then its siblings from leaf to root. */
export type PackedRows = { readonly indexes: readonly number[]; readonly bytes: Uint8Array }

/** An original row that needs no RLC vector: the path of its own combination comes along. */
export type StandaloneProof = RowProof & { readonly rlcPath: readonly Uint8Array[] }

/** The check that refused, in the order in which they are made. */
export type Check = 'form' | 'path' | 'commitment' | 'combination'

/** @throws ZerogError INVALID_ARGUMENT where index, row size or path cannot belong to this shape */
export function checkForm({ index, row, path }: RowProof, { k, n }: Shape): void {
  checkIndex(index, { k, n })
  checkRowBytes(row.length)
  checkPath(path, k + n, `the path of row ${index}`)
}

/** @throws ZerogError INVALID_ARGUMENT */
export function checkIndex(index: number, { k, n }: Shape): void {
  if (!Number.isInteger(index) || index < 0 || index >= k + n) {
    throw new ZerogError('INVALID_ARGUMENT', { message: `row ${index} is none of ${k + n}`, metadata: { check: 'form' } })
  }
}

/** @param leaves of the tree, a power of two */
export function checkPath(path: readonly Uint8Array[], leaves: number, name: string): void {
  const depth = Math.log2(leaves)
  if (path.length !== depth || path.some((sibling) => sibling.length !== HASH_BYTES)) {
    throw new ZerogError('INVALID_ARGUMENT', {
      message: `${name} must be ${depth} hashes of 32 bytes`,
      metadata: { check: 'form' },
    })
  }
}

/** @throws ZerogError PROOF_INVALID */
export function requireCommitment(actual: Uint8Array, commitment: Uint8Array, what: string): void {
  if (equalBytes(actual, commitment)) return
  throw new ZerogError('PROOF_INVALID', {
    message: `${what} do not lead to commitment ${toHex(commitment)}`,
    metadata: { check: 'commitment', commitment: toHex(commitment) },
  })
}

/** @throws ZerogError PROOF_INVALID */
export function requireProven(proven: boolean, rowRoot: Uint8Array, index: number): void {
  if (proven) return
  throw new ZerogError('PROOF_INVALID', {
    message: `row ${index} and its path do not lead to row root ${toHex(rowRoot)}`,
    metadata: { check: 'path', row: String(index) },
  })
}

/** The committed row is not the code's: whoever committed encoded wrongly. */
export function encodingInvalid(index: number): ZerogError {
  return new ZerogError('ENCODING_INVALID', {
    message: `row ${index} is committed, but is not what the code gives; no row of this commitment can be trusted`,
    metadata: { check: 'combination', row: String(index) },
  })
}
