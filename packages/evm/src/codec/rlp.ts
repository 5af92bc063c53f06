import { ZerogError } from '@zerog/primitives'

/** A byte string or a list, as Ethereum's RLP knows them. */
export type RlpItem = Uint8Array | readonly RlpItem[]

/** Lists inside lists deeper than this are refused: nothing in the protocol comes near it. */
const DEPTH_MAX = 16

/** RLP of a byte string or a nested list (yellow paper, appendix B). */
export function rlpEncode(item: RlpItem): Uint8Array {
  const out = new Uint8Array(encodedLength(item))
  write(item, out, 0)
  return out
}

/** The list of items that are encoded already, behind `prefix` bytes of 0. */
export function rlpListOf(encoded: readonly Uint8Array[], prefix = 0): Uint8Array {
  let payload = 0
  for (const item of encoded) payload += item.length
  const out = new Uint8Array(prefix + headLength(payload) + payload)
  let at = writeHead(0xc0, payload, out, prefix)
  for (const item of encoded) {
    out.set(item, at)
    at += item.length
  }
  return out
}

/** The one item that `input` holds. Throws INVALID_ARGUMENT for trailing bytes and everything that is not canonical. */
export function rlpDecode(input: Uint8Array): RlpItem {
  const item = read(input, 0, input.length, 0)
  if (itemEnd !== input.length) throw malformed(`${input.length - itemEnd} bytes after the end`)
  return item
}

/** Big-endian without leading zeros; empty for 0. */
export function rlpInteger(value: bigint): Uint8Array {
  if (value === 0n) return EMPTY
  if (value < SAFE_MAX) return smallInteger(Number(value))
  let at = WORD_BYTES
  for (let rest = value; rest > 0n; rest >>= 64n) {
    if (at === 0) return longInteger(value)
    at -= 8
    wordView.setBigUint64(at, BigInt.asUintN(64, rest))
  }
  while (word[at] === 0) at += 1
  return word.slice(at)
}

/** Of more than 256 bits: RLP has a place for it, the protocol has not. */
function longInteger(value: bigint): Uint8Array {
  const digits = value.toString(16)
  return new Uint8Array(Buffer.from(digits.length % 2 === 1 ? `0${digits}` : digits, 'hex'))
}

/** 2^48: what a double holds with room to spare. Nearly every integer of a block is below it, and a double costs a tenth of a BigInt. */
const SAFE_MAX = 1n << 48n
const SAFE_BYTES = 6
/** Where integers are put together. Four digits of 64 bits take half the time of hexadecimal text. */
const WORD_BYTES = 32
const word = new Uint8Array(WORD_BYTES)
const wordView = new DataView(word.buffer)

function smallInteger(value: number): Uint8Array {
  let length = 1
  for (let rest = value; rest >= 256; rest = Math.floor(rest / 256)) length += 1
  const out = new Uint8Array(length)
  let rest = value
  for (let at = length - 1; at >= 0; at--) {
    const above = Math.floor(rest / 256)
    out[at] = rest - above * 256
    rest = above
  }
  return out
}

/** Reads what `rlpInteger` wrote: no leading zero, at most `bytesMax` bytes. */
export function toInteger(item: RlpItem | undefined, name: string, bytesMax: number): bigint {
  const bytes = toBytes(item, name)
  if (bytes.length > bytesMax) throw malformed(`${name} is longer than ${bytesMax} bytes`)
  if (bytes.length === 0) return 0n
  if (bytes[0] === 0) throw malformed(`${name} has a leading zero`)
  return bytesToInteger(bytes, 0, bytes.length)
}

/** The big-endian integer of the bytes from `from` to `end`. */
export function bytesToInteger(bytes: Uint8Array, from: number, end: number): bigint {
  const length = end - from
  if (length <= SAFE_BYTES) {
    let value = 0
    for (let index = from; index < end; index++) value = value * 256 + (bytes[index] as number)
    return BigInt(value)
  }
  if (length > WORD_BYTES) return BigInt(`0x${Buffer.from(bytes.subarray(from, end)).toString('hex')}`)
  const first = WORD_BYTES - 8 * ((length + 7) >> 3)
  word.fill(0, first, WORD_BYTES - length)
  for (let index = from, at = WORD_BYTES - length; index < end; index++, at++) word[at] = bytes[index] as number
  let value = wordView.getBigUint64(first)
  for (let at = first + 8; at < WORD_BYTES; at += 8) value = (value << 64n) | wordView.getBigUint64(at)
  return value
}

export function toBytes(item: RlpItem | undefined, name: string, length?: number): Uint8Array {
  if (!(item instanceof Uint8Array)) throw malformed(`${name} is not a byte string`)
  if (length !== undefined && item.length !== length) throw malformed(`${name} is ${item.length} bytes, not ${length}`)
  return item
}

export function toList(item: RlpItem | undefined, name: string, length?: number): readonly RlpItem[] {
  if (item === undefined || item instanceof Uint8Array) throw malformed(`${name} is not a list`)
  if (length !== undefined && item.length !== length) throw malformed(`${name} has ${item.length} items, not ${length}`)
  return item
}

const EMPTY = new Uint8Array(0)

function malformed(problem: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message: `rlp: ${problem}` })
}

function payloadLength(item: readonly RlpItem[]): number {
  let length = 0
  for (const part of item) length += encodedLength(part)
  return length
}

function headLength(payload: number): number {
  return payload < 56 ? 1 : payload < 0x100 ? 2 : payload < 0x10000 ? 3 : payload < 0x1000000 ? 4 : 5
}

function encodedLength(item: RlpItem): number {
  if (item instanceof Uint8Array) {
    if (item.length === 1 && (item[0] as number) < 0x80) return 1
    return headLength(item.length) + item.length
  }
  const payload = payloadLength(item)
  return headLength(payload) + payload
}

function writeHead(base: number, payload: number, out: Uint8Array, offset: number): number {
  const length = headLength(payload)
  if (length === 1) {
    out[offset] = base + payload
    return offset + 1
  }
  out[offset] = base + 55 + length - 1
  let rest = payload
  for (let index = length - 1; index >= 1; index--) {
    out[offset + index] = rest & 0xff
    rest = Math.floor(rest / 256)
  }
  return offset + length
}

function write(item: RlpItem, out: Uint8Array, start: number): number {
  if (item instanceof Uint8Array) {
    if (item.length === 1 && (item[0] as number) < 0x80) {
      out[start] = item[0] as number
      return start + 1
    }
    const offset = writeHead(0x80, item.length, out, start)
    out.set(item, offset)
    return offset + item.length
  }
  let offset = writeHead(0xc0, payloadLength(item), out, start)
  for (const part of item) offset = write(part, out, offset)
  return offset
}

function longLength(input: Uint8Array, offset: number, bytes: number, end: number): number {
  if (bytes > 4) throw malformed('a length of more than 4 bytes')
  if (offset + bytes > end) throw malformed('ends within a length')
  if (input[offset] === 0) throw malformed('a length with a leading zero')
  let length = 0
  for (let index = 0; index < bytes; index++) length = length * 256 + (input[offset + index] as number)
  if (length < 56) throw malformed('a long length below 56')
  return length
}

/** Where the item ends that `read` returned last: a second result without an object for each item. */
let itemEnd = 0

function read(input: Uint8Array, offset: number, end: number, depth: number): RlpItem {
  if (offset >= end) throw malformed('ends before an item')
  const head = input[offset] as number
  if (head < 0x80) {
    itemEnd = offset + 1
    return input.subarray(offset, itemEnd)
  }
  const list = head >= 0xc0
  const short = head - (list ? 0xc0 : 0x80)
  let from = offset + 1
  let length = short
  if (short >= 56) {
    length = longLength(input, from, short - 55, end)
    from += short - 55
  }
  const to = from + length
  if (to > end) throw malformed('ends within an item')
  if (!list) {
    if (length === 1 && (input[from] as number) < 0x80) throw malformed('a single byte below 0x80 with a head')
    itemEnd = to
    return length === 0 ? EMPTY : input.subarray(from, to)
  }
  if (depth >= DEPTH_MAX) throw malformed(`lists deeper than ${DEPTH_MAX}`)
  const items: RlpItem[] = []
  for (let next = from; next < to; next = itemEnd) items.push(read(input, next, to, depth + 1))
  itemEnd = to
  return items
}
