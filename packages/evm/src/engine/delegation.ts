/** The address that an EIP-7702 designator points to. */
export function delegationOf(code: Uint8Array): Uint8Array | undefined {
  const is = code.length === 23 && code[0] === 0xef && code[1] === 0x01 && code[2] === 0x00
  return is ? code.subarray(3) : undefined
}
