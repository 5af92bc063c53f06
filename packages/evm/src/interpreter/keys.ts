import type { Hex } from '@zerog/primitives'

/** `0x` hexadecimal of a state key. */
export function hexOfKey(key: string): Hex {
  return `0x${Buffer.from(key, 'latin1').toString('hex')}`
}

export function bytesOfKey(key: string): Uint8Array {
  return new Uint8Array(Buffer.from(key, 'latin1'))
}
