import { ZerogError } from '@zerog/primitives'
import {
  BUNDLE_BYTES_MAX,
  CHUNK_BYTES,
  CODE_ROWS_MAX,
  HEADER_BYTES,
  ORIGINAL_ROWS_MAX,
  ROW_BYTES_MAX,
  ROW_BYTES_TARGET,
} from './limits.ts'

/** `k` original rows and `n` parity rows; any `k` of the `k + n` restore everything. */
export type Shape = { readonly k: number; readonly n: number }

/** A shape with its row size in bytes, a multiple of 64. */
export type Layout = Shape & { readonly rowBytes: number }

/** Share of the original rows in all rows. */
export type Rate = '1/4' | '1/2'

/** `k` original rows at `rate`. @throws ZerogError INVALID_ARGUMENT as `checkShape` */
export function shapeAtRate(k: number, rate: Rate): Shape {
  return checkShape({ k, n: rate === '1/4' ? 3 * k : k })
}

/**
 * The network's layout of a payload: as many original rows as the committee wants, or the smallest power of two whose rows have at
 * most 8,192 bytes, but at most 4,096.
 * @param options.committeeRows power of two, see ARCHITECTURE 3a
 * @throws ZerogError INVALID_ARGUMENT for an empty payload, LIMIT_EXCEEDED for more than 134,217,723 bytes
 */
export function layoutFor(payloadBytes: number, options: { readonly committeeRows: number; readonly rate: Rate }): Layout {
  checkPayloadBytes(payloadBytes)
  let k = options.committeeRows
  while (k < ORIGINAL_ROWS_MAX && rowBytesFor(payloadBytes, k) > ROW_BYTES_TARGET) k *= 2
  return checkLayout({ ...shapeAtRate(k, options.rate), rowBytes: rowBytesFor(payloadBytes, k) })
}

/** Smallest row size that holds header and payload in `k` rows. */
export function rowBytesFor(payloadBytes: number, k: number): number {
  return Math.ceil((HEADER_BYTES + payloadBytes) / k / CHUNK_BYTES) * CHUNK_BYTES
}

export function checkPayloadBytes(payloadBytes: number): void {
  if (!Number.isSafeInteger(payloadBytes) || payloadBytes < 1) {
    throw new ZerogError('INVALID_ARGUMENT', { message: `a payload has at least 1 byte, not ${payloadBytes}` })
  }
  const limit = BUNDLE_BYTES_MAX - HEADER_BYTES
  if (payloadBytes > limit) {
    throw new ZerogError('LIMIT_EXCEEDED', {
      message: `a payload has at most ${limit} bytes, not ${payloadBytes}; split it`,
      metadata: { limit: String(limit), given: String(payloadBytes) },
    })
  }
}

/**
 * Returns `shape` if the code exists: k a power of two, n = k, 3k, 7k, ..., and both fit into the field.
 * @throws ZerogError INVALID_ARGUMENT
 */
export function checkShape<S extends Shape>(shape: S): S {
  const { k, n } = shape
  // Leopard places the parity rows in a power of two of their own, hence the second bound.
  if (!isPowerOfTwo(k) || !Number.isSafeInteger(n) || n < 1 || !isPowerOfTwo(k + n) || k + ceilPowerOfTwo(n) > CODE_ROWS_MAX) {
    throw new ZerogError('INVALID_ARGUMENT', {
      message: `no code of ${k} original and ${n} parity rows: k and k + n must be powers of two, at most ${CODE_ROWS_MAX} in all`,
    })
  }
  return shape
}

/** As `checkShape`, and the row size is a multiple of 64 within the network's bound. @throws ZerogError INVALID_ARGUMENT */
export function checkLayout<L extends Layout>(layout: L): L {
  checkShape(layout)
  checkRowBytes(layout.rowBytes)
  return layout
}

/** @throws ZerogError INVALID_ARGUMENT */
export function checkRowBytes(rowBytes: number): void {
  if (!Number.isSafeInteger(rowBytes) || rowBytes < CHUNK_BYTES || rowBytes % CHUNK_BYTES !== 0 || rowBytes > ROW_BYTES_MAX) {
    throw new ZerogError('INVALID_ARGUMENT', {
      message: `a row has 64 to ${ROW_BYTES_MAX} bytes in steps of 64, not ${rowBytes}`,
    })
  }
}

export function isPowerOfTwo(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= 2 ** 30 && (value & (value - 1)) === 0
}

/** Smallest power of two that is at least `value`, for 1 <= value <= 2^30. */
export function ceilPowerOfTwo(value: number): number {
  return value <= 1 ? 1 : 2 ** (32 - Math.clz32(value - 1))
}
