import { ZerogError } from '@zerog/primitives'
import { HASH_BYTES, RLC_BYTES } from './limits.ts'
import { checkForm, checkPath, type RowProof, type StandaloneProof } from './proof.ts'
import { checkRowBytes, checkShape, type Shape } from './shape.ts'

/** A proof as rsema1d's tools write it: an original row with the path of its combination, or a parity row with the RLC vector. */
export type DecodedProof =
  | { readonly kind: 'standalone'; readonly proof: StandaloneProof }
  | { readonly kind: 'vector'; readonly proof: RowProof; readonly rlc: Uint8Array }

/**
 * `u32 index ‖ u32 rowSize ‖ row ‖ u32 pathLength ‖ path`, then for an original row `u32 rlcPathLength ‖ rlcPath`, for a parity row the
 * RLC vector; numbers little-endian, lengths in hashes (reference 2.6).
 */
export function encodeProof(decoded: DecodedProof): Uint8Array {
  const { index, row, path } = decoded.proof
  const tail = decoded.kind === 'standalone' ? 4 + decoded.proof.rlcPath.length * HASH_BYTES : decoded.rlc.length
  const out = new Uint8Array(12 + row.length + path.length * HASH_BYTES + tail)
  const view = new DataView(out.buffer)
  let offset = 0
  const number = (value: number): void => {
    view.setUint32(offset, value, true)
    offset += 4
  }
  const bytes = (part: Uint8Array): void => {
    out.set(part, offset)
    offset += part.length
  }
  number(index)
  number(row.length)
  bytes(row)
  number(path.length)
  path.forEach(bytes)
  if (decoded.kind === 'vector') bytes(decoded.rlc)
  else {
    number(decoded.proof.rlcPath.length)
    decoded.proof.rlcPath.forEach(bytes)
  }
  return out
}

/**
 * Inverse of `encodeProof`; parts are views. Form only: verify the result.
 * @throws ZerogError INVALID_ARGUMENT where the bytes are not exactly one proof of this shape
 */
export function decodeProof(bytes: Uint8Array, shape: Shape): DecodedProof {
  checkShape(shape)
  const { k, n } = shape
  const read = reader(bytes)
  const index = read.number()
  const rowBytes = read.number()
  checkRowBytes(rowBytes)
  const row = read.bytes(rowBytes)
  const proof: RowProof = { index, row, path: read.hashes(k + n) }
  checkForm(proof, shape)
  if (index >= k) {
    const rlc = read.bytes(k * RLC_BYTES)
    read.end()
    return { kind: 'vector', proof, rlc }
  }
  const rlcPath = read.hashes(k)
  checkPath(rlcPath, k, 'the RLC path')
  read.end()
  return { kind: 'standalone', proof: { ...proof, rlcPath } }
}

function reader(source: Uint8Array) {
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength)
  let offset = 0
  const take = (length: number): number => {
    if (source.length - offset < length)
      throw malformed(`it ends at ${source.length}, within a part of ${length} bytes at ${offset}`)
    offset += length
    return offset - length
  }
  const bytes = (length: number): Uint8Array => {
    const start = take(length)
    return source.subarray(start, start + length)
  }
  const number = (): number => view.getUint32(take(4), true)
  return {
    number,
    bytes,
    /** A counted path; its length is checked before anything is made of it. */
    hashes(leaves: number): Uint8Array[] {
      const count = number()
      if (count !== Math.log2(leaves)) throw malformed(`a path of ${count} hashes does not belong to ${leaves} leaves`)
      return Array.from({ length: count }, () => bytes(HASH_BYTES))
    },
    end(): void {
      if (offset !== source.length) throw malformed(`${source.length - offset} bytes follow`)
    },
  }
}

function malformed(problem: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message: `not a row proof: ${problem}`, metadata: { check: 'form' } })
}
