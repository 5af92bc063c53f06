import { bigintToBytes, bytesToBigint, concatBytes, fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'

/** Big-endian fields, one after the other; `chunk` puts the length before the bytes. */
export type Writer = {
  uint(value: number | bigint, sizeBytes: number): Writer
  bytes(value: Uint8Array): Writer
  hex(value: Hex, sizeBytes: number): Writer
  chunk(value: Uint8Array, lengthBytes: 2 | 4): Writer
  list<Item>(items: readonly Item[], countBytes: 1 | 2, write: (item: Item) => void): Writer
  done(): Uint8Array
}

export function createWriter(): Writer {
  const parts: Uint8Array[] = []
  const writer: Writer = {
    uint(value, sizeBytes) {
      parts.push(bigintToBytes(BigInt(value), sizeBytes))
      return writer
    },
    bytes(value) {
      parts.push(value)
      return writer
    },
    hex: (value, sizeBytes) => writer.bytes(fromHex(value, sizeBytes)),
    chunk: (value, lengthBytes) => writer.uint(value.length, lengthBytes).bytes(value),
    list(items, countBytes, write) {
      writer.uint(items.length, countBytes)
      items.forEach(write)
      return writer
    },
    done: () => concatBytes(...parts),
  }
  return writer
}

/** The inverse, over a part of the bytes. Errors name the offset in the whole and the section. */
export type Reader = {
  readonly offset: () => number
  number(sizeBytes: 1 | 2 | 4): number
  bigint(sizeBytes: number): bigint
  bytes(sizeBytes: number): Uint8Array
  hex(sizeBytes: number): Hex
  chunk(lengthBytes: 2 | 4, range: Range): Uint8Array
  list<Item>(countBytes: 1 | 2, range: Range, read: () => Item): Item[]
  /** What another decoder says about `sizeBytes` bytes, with the offset of this one. */
  decode<Value>(sizeBytes: number, decoder: (bytes: Uint8Array) => Value): Value
  /** A part of its own, which must be used up. */
  section<Value>(options: { readonly name: string; readonly sizeBytes: number }, read: (reader: Reader) => Value): Value
  end(): void
  fail(problem: string): never
}

/** Bounds of a length or a count, both included. `what` stands in the error. */
export type Range = { readonly what: string; readonly min?: number; readonly max: number }

type Part = { readonly name: string; readonly start: number; readonly end: number }

export function createReader(bytes: Uint8Array, part: Part = { name: 'head', start: 0, end: bytes.length }): Reader {
  let offset = part.start
  const fail = (problem: string, at = offset): never => {
    throw new ZerogError('ENCODING_INVALID', {
      message: `not an evidence bundle: ${problem} (${part.name}, byte ${at})`,
      metadata: { section: part.name, offset: String(at) },
    })
  }
  const take = (sizeBytes: number): Uint8Array => {
    if (sizeBytes > part.end - offset) fail(`it ends at byte ${part.end}, in the middle of a field`)
    offset += sizeBytes
    return bytes.subarray(offset - sizeBytes, offset)
  }
  const count = (sizeBytes: 1 | 2 | 4, { what, min = 0, max }: Range): number => {
    const at = offset
    const value = reader.number(sizeBytes)
    return value >= min && value <= max ? value : fail(`${what}: from ${min} to ${max}, not ${value}`, at)
  }
  const reader: Reader = {
    offset: () => offset,
    number: (sizeBytes) => take(sizeBytes).reduce((value, byte) => value * 256 + byte, 0),
    bigint: (sizeBytes) => bytesToBigint(take(sizeBytes)),
    // A copy: what is decoded does not change when the caller reuses his buffer.
    bytes: (sizeBytes) => new Uint8Array(take(sizeBytes)),
    hex: (sizeBytes) => toHex(take(sizeBytes)),
    chunk: (lengthBytes, range) => reader.bytes(count(lengthBytes, range)),
    list: (countBytes, range, read) => Array.from({ length: count(countBytes, range) }, read),
    decode(sizeBytes, decoder) {
      const at = offset
      const taken = reader.bytes(sizeBytes)
      try {
        return decoder(taken)
      } catch (error) {
        if (!(error instanceof ZerogError)) throw error
        return fail(error.message, at)
      }
    },
    section({ name, sizeBytes }, read) {
      if (sizeBytes > part.end - offset) fail(`section ${name} has ${sizeBytes} bytes, ${part.end - offset} are left`)
      const inner = createReader(bytes, { name, start: offset, end: offset + sizeBytes })
      const value = read(inner)
      inner.end()
      offset += sizeBytes
      return value
    },
    end() {
      if (offset !== part.end) fail(`${part.end - offset} bytes follow`)
    },
    fail: (problem) => fail(problem),
  }
  return reader
}
