import { keccak256 } from '@zerog/evm'
import type { Hex } from '@zerog/primitives'

/** QUANTITY of the Ethereum JSON-RPC: `0x`, no leading zeros. */
export function quantity(value: bigint | number): Hex {
  return `0x${value.toString(16)}`
}

/** 32-byte word. */
export function word(value: bigint): Hex {
  return `0x${value.toString(16).padStart(64, '0')}`
}

export const ZERO_ADDRESS: Hex = `0x${'00'.repeat(20)}`
export const ZERO_HASH: Hex = `0x${'00'.repeat(32)}`

/** EIP-55: the capital letters carry a checksum. geth prints addresses so in texts and in the keys of `txpool_content`. */
export function checksumAddress(address: Hex): Hex {
  const digits = address.slice(2).toLowerCase()
  const hash = Buffer.from(keccak256(new TextEncoder().encode(digits))).toString('hex')
  let out = ''
  for (let index = 0; index < digits.length; index++) {
    const digit = digits.charAt(index)
    out += Number.parseInt(hash.charAt(index), 16) >= 8 ? digit.toUpperCase() : digit
  }
  return `0x${out}`
}
