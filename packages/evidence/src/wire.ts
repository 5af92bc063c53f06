import { bigintToBytes, bytesToBigint, concatBytes, fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'

/** Big-endian fields, one after the other. */
export type Writer = {
  uint(value: number | bigint, sizeBytes: number): Writer
  bytes(value: Uint8Array): Writer
  hex(value: Hex, sizeBytes: number): Writer
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
    hex(value, sizeBytes) {
      parts.push(fromHex(value, sizeBytes))
      return writer
    },
    done: () => concatBytes(...parts),
  }
  return writer
}

/** The inverse. Every method throws ENCODING_INVALID where the bytes end too early; `end` where some are left. */
export type Reader = {
  number(sizeBytes: 1 | 2 | 4): number
  bigint(sizeBytes: number): bigint
  bytes(sizeBytes: number): Uint8Array
  hex(sizeBytes: number): Hex
  end(): void
}

/** `what` names the thing in errors: `receipt`, `batch`. */
export function createReader(bytes: Uint8Array, what: string): Reader {
  let offset = 0
  const take = (sizeBytes: number): Uint8Array => {
    if (sizeBytes > bytes.length - offset) throw invalid(`a ${what} ends at byte ${bytes.length}, in the middle of a field`)
    offset += sizeBytes
    return bytes.subarray(offset - sizeBytes, offset)
  }
  return {
    number: (sizeBytes) => take(sizeBytes).reduce((value, byte) => value * 256 + byte, 0),
    bigint: (sizeBytes) => bytesToBigint(take(sizeBytes)),
    bytes: take,
    hex: (sizeBytes) => toHex(take(sizeBytes)),
    end() {
      if (offset !== bytes.length) throw invalid(`${bytes.length - offset} bytes follow the end of a ${what}`)
    },
  }
}

export function invalid(message: string): ZerogError {
  return new ZerogError('ENCODING_INVALID', { message })
}
