import { ZerogError } from '@zerog/primitives'

/** Little-endian, bounds checked; errors name the field. */
export type Reader = {
  u8(field: string): number
  u16(field: string): number
  u32(field: string): number
  bytes(field: string, length: number): Uint8Array
  /** Refuses at once what cannot fit into the rest, before room for it is made. */
  need(field: string, length: number): void
  end(): void
}

export function createReader(bytes: Uint8Array): Reader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const need = (field: string, length: number): void => {
    if (length > bytes.length - at) throw invalid(field, `needs ${length} bytes at ${at}, the file ends at ${bytes.length}`)
  }
  const advance = (field: string, length: number): number => {
    need(field, length)
    at += length
    return at - length
  }
  return {
    u8: (field) => view.getUint8(advance(field, 1)),
    u16: (field) => view.getUint16(advance(field, 2), true),
    u32: (field) => view.getUint32(advance(field, 4), true),
    bytes: (field, length) => bytes.subarray(advance(field, length), at),
    need,
    end() {
      if (at !== bytes.length) throw invalid('end', `comes at ${at}, but ${bytes.length - at} bytes follow`)
    },
  }
}

export type Writer = {
  u8(value: number): void
  u16(value: number): void
  u32(value: number): void
  bytes(value: Uint8Array): void
  done(): Uint8Array
}

export function createWriter(): Writer {
  let bytes = new Uint8Array(65_536)
  let at = 0
  const advance = (length: number): number => {
    if (at + length > bytes.length) {
      const grown = new Uint8Array(Math.max(2 * bytes.length, at + length))
      grown.set(bytes)
      bytes = grown
    }
    at += length
    return at - length
  }
  const put = (value: number, length: number): void => {
    const start = advance(length)
    for (let i = 0; i < length; i++) bytes[start + i] = value >>> (8 * i)
  }
  return {
    u8: (value) => put(value, 1),
    u16: (value) => put(value, 2),
    u32: (value) => put(value, 4),
    bytes: (value) => {
      const start = advance(value.length) // may replace the buffer
      bytes.set(value, start)
    },
    done: () => bytes.slice(0, at),
  }
}

export function invalid(field: string, problem: string): ZerogError {
  return new ZerogError('MODEL_INVALID', { message: `model file: ${field} ${problem}`, metadata: { field } })
}
