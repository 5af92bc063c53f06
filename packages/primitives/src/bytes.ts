/** A `0x`-prefixed lower-case hexadecimal string, the form in which bytes are printed everywhere. */
export type Hex = `0x${string}`

// Length and digits are checked apart: pairs as a repeated group overflow the stack on texts of some megabytes.
const HEX_PATTERN = /^0x[0-9a-fA-F]*$/

/** Newer engines convert natively; `Buffer` (Node) and plain code serve the others. */
type Native = { toHex?: () => string }
type NativeStatic = { fromHex?: (digits: string) => Uint8Array<ArrayBuffer> }

/** `0x` + two lower-case digits per byte. */
export function toHex(bytes: Uint8Array): Hex {
  const native = (bytes as Native).toHex
  if (native !== undefined) return `0x${native.call(bytes)}`
  if (globalThis.Buffer !== undefined) {
    return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`
  }
  let digits = ''
  for (const byte of bytes) digits += BYTE_DIGITS[byte]
  return `0x${digits}`
}

const BYTE_DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Whether `text` is `0x` and an even number of hexadecimal digits (and, if given, exactly `length` bytes). */
export function isHex(text: string, length?: number): text is Hex {
  return (length === undefined ? text.length % 2 === 0 : text.length === 2 + 2 * length) && HEX_PATTERN.test(text)
}

/** Bytes of a `0x…` string. Throws `RangeError` on any other text or, if given, another length in bytes. */
export function fromHex(text: string, length?: number): Uint8Array {
  const short = text.length <= SHORT_TEXT ? fromShortHex(text, length) : undefined
  if (short !== undefined) return short
  if (!isHex(text, length)) {
    throw new RangeError(`expected 0x and ${length === undefined ? 'an even number of' : 2 * length} hexadecimal digits`)
  }
  const native = (Uint8Array as NativeStatic).fromHex
  if (native !== undefined) return native.call(Uint8Array, text.slice(2))
  if (globalThis.Buffer !== undefined) return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
  const bytes = new Uint8Array(text.length / 2 - 1)
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = (digit(text.charCodeAt(2 * index + 2)) << 4) | digit(text.charCodeAt(2 * index + 3))
  }
  return bytes
}

/** Up to 128 bytes (hashes, addresses, usual calls) a loop takes less time than a pattern and a native decoder. */
const SHORT_TEXT = 258
/** 0 to 15 by character code, -1 for what is no hexadecimal digit. */
const DIGITS = Int8Array.from({ length: 128 }, (_, code) => '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase()))

/** undefined where the text is not what was asked for. */
function fromShortHex(text: string, length: number | undefined): Uint8Array | undefined {
  const size = text.length / 2 - 1
  const fits = length === undefined ? size >= 0 && Number.isInteger(size) : size === length
  if (!fits || text.charCodeAt(0) !== 0x30 || text.charCodeAt(1) !== 0x78) return undefined
  const bytes = new Uint8Array(size)
  for (let index = 0, at = 2; index < size; index++, at += 2) {
    const high = text.charCodeAt(at)
    const low = text.charCodeAt(at + 1)
    const byte = high < 128 && low < 128 ? ((DIGITS[high] as number) << 4) | (DIGITS[low] as number) : -1
    if (byte < 0) return undefined
    bytes[index] = byte
  }
  return bytes
}

/** 0 to 15 of a character code that is known to be a hexadecimal digit. */
function digit(code: number): number {
  return code < 0x3a ? code - 0x30 : (code | 0x20) - 0x57
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0
}

/** Lexicographic order: negative, 0 or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const difference = (a[index] as number) - (b[index] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Big-endian bytes of a non-negative integer, exactly `length` of them. Throws `RangeError` if it does not fit. */
export function bigintToBytes(value: bigint, length: number): Uint8Array {
  if (value < 0n || value >= boundOf(length)) throw new RangeError(`${value} does not fit into ${length} bytes`)
  const out = new Uint8Array(length)
  let rest = value
  for (let end = length; rest > 0n; end -= 6) {
    // Six bytes at a time as a number: an operation on a bigint allocates.
    let low = Number(rest & 0xffff_ffff_ffffn)
    rest >>= 48n
    for (let index = end - 1; low > 0; index--) {
      out[index] = low % 256
      low = Math.floor(low / 256)
    }
  }
  return out
}

/** 2^(8 x length); those of common lengths are kept. */
function boundOf(length: number): bigint {
  const known = bounds[length]
  if (known !== undefined) return known
  const bound = 1n << BigInt(8 * length)
  if (length <= 64) bounds[length] = bound
  return bound
}
const bounds: bigint[] = []

/** Big-endian, unsigned. */
export function bytesToBigint(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(toHex(bytes))
}
