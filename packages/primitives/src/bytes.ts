/** A `0x`-prefixed lower-case hexadecimal string, the form in which bytes are printed everywhere. */
export type Hex = `0x${string}`

const HEX_PATTERN = /^0x([0-9a-fA-F]{2})*$/

/** `0x` + two lower-case digits per byte. */
export function toHex(bytes: Uint8Array): Hex {
  // Browsers have no Buffer; where it is, it is the fastest.
  if (globalThis.Buffer === undefined) return Array.from(bytes).reduce<Hex>((text, byte) => `${text}${DIGITS[byte]}`, '0x')
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`
}

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Whether `text` is `0x` and an even number of hexadecimal digits (and, if given, exactly `length` bytes). */
export function isHex(text: string, length?: number): text is Hex {
  return (length === undefined || text.length === 2 + 2 * length) && HEX_PATTERN.test(text)
}

/** Bytes of a `0x…` string. Throws `RangeError` on any other text or, if given, another length in bytes. */
export function fromHex(text: string, length?: number): Uint8Array {
  if (!isHex(text, length)) {
    throw new RangeError(`expected 0x and ${length === undefined ? 'an even number of' : 2 * length} hexadecimal digits`)
  }
  if (globalThis.Buffer === undefined)
    return Uint8Array.from({ length: text.length / 2 - 1 }, (_, index) =>
      Number.parseInt(text.slice(2 * index + 2, 2 * index + 4), 16),
    )
  return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
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
  if (value < 0n || value >= 1n << BigInt(8 * length)) throw new RangeError(`${value} does not fit into ${length} bytes`)
  const out = new Uint8Array(length)
  let rest = value
  for (let index = length - 1; index >= 0 && rest > 0n; index--) {
    out[index] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return out
}

/** Big-endian, unsigned. */
export function bytesToBigint(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(toHex(bytes))
}
