import { assert, ZerogError } from '@zerog/primitives'
import { HEADER_BYTES, VERSION } from './limits.ts'
import { checkPayloadBytes, type Layout } from './shape.ts'

/** Bytes `offset` to `offset + lengthBytes` of a payload. */
export type Range = { readonly offset: number; readonly lengthBytes: number }

/** The original rows that hold a range, and how many bytes to skip in the first of them. */
export type RowSpan = { readonly rowFirst: number; readonly rowCount: number; readonly skipBytes: number }

/**
 * Writes header and payload over the original rows; what remains is zero (celestia-app specs/src/fibre_encoding.md).
 * @param rows k rows, whatever they hold
 * @throws ZerogError INVALID_ARGUMENT, LIMIT_EXCEEDED
 */
export function layPayload(rows: Uint8Array, payload: Uint8Array): void {
  checkPayloadBytes(payload.length)
  if (HEADER_BYTES + payload.length > rows.length) {
    throw new ZerogError('INVALID_ARGUMENT', {
      message: `${payload.length} bytes of payload do not fit into ${rows.length} bytes of rows`,
    })
  }
  rows.set(payload, HEADER_BYTES)
  layHeader(rows, payload.length)
}

/** The same where the payload stands in its place already. */
export function layHeader(rows: Uint8Array, payloadBytes: number): void {
  rows[0] = VERSION
  new DataView(rows.buffer, rows.byteOffset).setUint32(1, payloadBytes)
  rows.fill(0, HEADER_BYTES + payloadBytes)
}

/**
 * The payload inside the original rows, a view.
 * @throws ZerogError PAYLOAD_INVALID where version, size or padding are not as they must be
 */
export function readPayload(rows: Uint8Array): Uint8Array {
  const size = readHeader(rows, rows.length)
  for (let index = HEADER_BYTES + size; index < rows.length; index++) {
    if (rows[index] !== 0) throw invalid('bytes follow the payload')
  }
  return rows.subarray(HEADER_BYTES, HEADER_BYTES + size)
}

/**
 * Size in bytes of the payload, from the first original row alone.
 * @param dataBytes k * rowBytes
 * @throws ZerogError PAYLOAD_INVALID
 */
export function readHeader(firstRow: Uint8Array, dataBytes: number): number {
  if (firstRow.length < HEADER_BYTES) throw invalid('there is no header')
  if (firstRow[0] !== VERSION) throw invalid(`version ${firstRow[0]} is not known, only ${VERSION} is`)
  const size = new DataView(firstRow.buffer, firstRow.byteOffset).getUint32(1)
  if (size === 0 || HEADER_BYTES + size > dataBytes)
    throw invalid(`a size of ${size} does not fit into ${dataBytes} bytes of rows`)
  return size
}

/**
 * Which original rows to fetch for a range. The code is systematic: they need no decoding.
 * @throws ZerogError INVALID_ARGUMENT where the range is empty or leaves the rows
 */
export function spanOf({ offset, lengthBytes }: Range, { k, rowBytes }: Pick<Layout, 'k' | 'rowBytes'>): RowSpan {
  const start = HEADER_BYTES + offset
  const integers = Number.isSafeInteger(offset) && Number.isSafeInteger(lengthBytes)
  if (!integers || offset < 0 || lengthBytes < 1 || start + lengthBytes > k * rowBytes) {
    throw new ZerogError('INVALID_ARGUMENT', {
      message: `range ${offset} + ${lengthBytes} is not within a payload of at most ${k * rowBytes - HEADER_BYTES} bytes`,
    })
  }
  const rowFirst = Math.floor(start / rowBytes)
  const rowLast = Math.floor((start + lengthBytes - 1) / rowBytes)
  return { rowFirst, rowCount: rowLast - rowFirst + 1, skipBytes: start - rowFirst * rowBytes }
}

/**
 * The bytes of a range out of its rows, which the caller has verified.
 * @param rows of `spanOf(range)`, in order
 */
export function cutRange(rows: readonly Uint8Array[], range: Range, layout: Pick<Layout, 'k' | 'rowBytes'>): Uint8Array {
  const span = spanOf(range, layout)
  assert(rows.length === span.rowCount, 'the rows of the range, all of them')
  const out = new Uint8Array(range.lengthBytes)
  let skip = span.skipBytes
  let filled = 0
  for (const row of rows) {
    assert(row.length === layout.rowBytes, 'whole rows')
    const part = row.subarray(skip, skip + out.length - filled)
    out.set(part, filled)
    filled += part.length
    skip = 0
  }
  return out
}

function invalid(problem: string): ZerogError {
  return new ZerogError('PAYLOAD_INVALID', {
    message: `the rows are proven, but hold no payload: ${problem}; whoever committed wrote it so`,
  })
}
