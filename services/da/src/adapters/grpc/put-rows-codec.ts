import type { MessageCodec } from '@zerog/ports'
import { NodeServiceDefinition, PutRowsHeader, PutRowsRequest, type Row } from '@zerog/proto/da'
import { ROWS_MESSAGE_BYTES_MAX } from '../../core/disperser/limits.ts'
import { usual } from './chunk-codec.ts'
import { toWire } from './statement-codec.ts'

/** Tags of protobuf's wire format: field number * 8 + wire type. */
const HEADER_TAG = 0x0a
const ROWS_TAG = 0x12
const INDEX_TAG = 0x08
const DATA_TAG = 0x12
const PATH_TAG = 0x1a

/**
 * The same bytes and the same values as the generated codec. Written once into a buffer of the right size. The generated writer grows its buffer while it writes
 * and copies each row again for the message around it: an eighth of the whole dispersal was spent there.
 */
const putRowsRequest: MessageCodec<PutRowsRequest> = {
  encode: (message) => ({ finish: () => encodePutRows(message) }),
  decode: decodePutRows,
}

/** The members' service as the encoder calls it and as members serve it. */
export const nodeService = {
  ...NodeServiceDefinition,
  methods: {
    ...NodeServiceDefinition.methods,
    putRows: { ...NodeServiceDefinition.methods.putRows, requestType: putRowsRequest },
  },
} as const

/** The same for a caller who has written its messages already. */
export const writtenNodeService = {
  ...nodeService,
  methods: {
    ...nodeService.methods,
    putRows: {
      ...nodeService.methods.putRows,
      requestType: { encode: (message: Uint8Array) => ({ finish: () => message }), decode: toWire },
    },
  },
} as const

/** Rows of a message: tags and lengths take less than 16 bytes of each. */
export function rowsPerMessage(rowBytes: number, pathBytes: number): number {
  return Math.max(1, Math.floor(ROWS_MESSAGE_BYTES_MAX / (rowBytes + pathBytes + 16)))
}

/** @param take memory of at least so many bytes, of which the message takes the first */
export function encodePutRows(
  { header, rows }: PutRowsRequest,
  take: (bytes: number) => Buffer = Buffer.allocUnsafe,
): Uint8Array {
  const head = header === undefined ? undefined : toWire(PutRowsHeader.encode(header).finish())
  const sizes = rows.map(rowBytes)
  const headBytes = head === undefined ? 0 : 1 + varintBytes(head.length) + head.length
  const bytesAll = sizes.reduce((sum, size) => sum + 1 + varintBytes(size) + size, headBytes)
  const out = take(bytesAll)
  let at = 0
  const varint = (value: number): void => {
    let rest = value
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) out[at++] = (rest & 0x7f) | 0x80
    out[at++] = rest
  }
  const bytes = (tag: number, value: Buffer): void => {
    out[at++] = tag
    varint(value.length)
    // Not `set`: out of shared memory to an odd address it goes byte by byte, at a quarter of the speed.
    at += value.copy(out, at)
  }
  if (head !== undefined) bytes(HEADER_TAG, head)
  for (const [place, { index, data, path }] of rows.entries()) {
    out[at++] = ROWS_TAG
    varint(sizes[place] as number) // one size per row
    if (index !== 0) {
      out[at++] = INDEX_TAG
      varint(index)
    }
    if (data.length > 0) bytes(DATA_TAG, data)
    if (path.length > 0) bytes(PATH_TAG, path)
  }
  return out.subarray(0, bytesAll)
}

/**
 * Rows are views into `input`, where the generated reader copies each of them twice. Only the order in which fields are usually written is
 * read here; whatever looks different, or wrong, is the generated reader's.
 */
export function decodePutRows(input: Uint8Array): PutRowsRequest {
  return readUsual(toWire(input)) ?? PutRowsRequest.decode(input)
}

function readUsual(input: Buffer): PutRowsRequest | undefined {
  const cursor: Cursor = { input, at: 0 }
  let header: PutRowsHeader | undefined
  if (input[0] === HEADER_TAG) {
    cursor.at = 1
    const head = readBytes(cursor, input.length)
    header = head && usual(PutRowsHeader, head)
    if (header === undefined) return undefined
  }
  const rows: Row[] = []
  while (cursor.at < input.length) {
    if (input[cursor.at++] !== ROWS_TAG) return undefined
    const row = readRow(cursor)
    if (row === undefined) return undefined
    rows.push(row)
  }
  return { header, rows }
}

type Cursor = { readonly input: Buffer; at: number }

const EMPTY = Buffer.alloc(0)

function readRow(cursor: Cursor): Row | undefined {
  const { input } = cursor
  const length = readVarint(cursor)
  const end = cursor.at + length
  if (!(end <= input.length)) return undefined
  const row: Row = { index: 0, data: EMPTY, path: EMPTY }
  if (cursor.at < end && input[cursor.at] === INDEX_TAG) {
    cursor.at++
    row.index = readVarint(cursor)
    if (!(cursor.at <= end && row.index >= 0)) return undefined
  }
  for (const [tag, field] of [
    [DATA_TAG, 'data'],
    [PATH_TAG, 'path'],
  ] as const) {
    if (cursor.at >= end || input[cursor.at] !== tag) continue
    cursor.at++
    const value = readBytes(cursor, end)
    if (value === undefined) return undefined
    row[field] = value
  }
  return cursor.at === end ? row : undefined
}

/** A view, undefined where it does not end by `end`. */
function readBytes(cursor: Cursor, end: number): Buffer | undefined {
  const length = readVarint(cursor)
  const from = cursor.at
  if (!(from + length <= end)) return undefined // also NaN
  cursor.at = from + length
  return cursor.input.subarray(from, cursor.at)
}

/** Up to four bytes, which is more than any message has; NaN for what is longer or cut off. */
function readVarint(cursor: Cursor): number {
  let value = 0
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = cursor.input[cursor.at++]
    if (byte === undefined) return Number.NaN
    value += (byte & 0x7f) << shift
    if (byte < 0x80) return value
  }
  return Number.NaN
}

/** Fields with their default value are left out, as proto3 has it. */
function rowBytes({ index, data, path }: Row): number {
  const field = (length: number) => (length === 0 ? 0 : 1 + varintBytes(length) + length)
  return (index === 0 ? 0 : 1 + varintBytes(index)) + field(data.length) + field(path.length)
}

function varintBytes(value: number): number {
  let count = 1
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) count++
  return count
}
