import { toHex } from '@zerog/primitives'

/** sha256 of nothing: 0G's server calls Sum on an empty hasher (its disperser/common/memorydb/memorydb.go). */
const EMPTY_HASH = new Uint8Array([
  0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64,
  0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
])

/** The id that 0G's disperser gives out: `hex(sha256(data))-hex("<nanoseconds>/" ‖ sha256(""))`. */
export function zerogRequestId(sha256: Uint8Array, nanoseconds: bigint): string {
  const time = new TextEncoder().encode(`${nanoseconds}/`)
  return `${toHex(sha256).slice(2)}-${toHex(time).slice(2)}${toHex(EMPTY_HASH).slice(2)}`
}
