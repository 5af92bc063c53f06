/** Codes of Solidity's Panic(uint256) in geth's words. */
const PANICS: ReadonlyMap<bigint, string> = new Map([
  [0x00n, 'generic panic'],
  [0x01n, 'assert(false)'],
  [0x11n, 'arithmetic underflow or overflow'],
  [0x12n, 'division or modulo by zero'],
  [0x21n, 'enum overflow'],
  [0x22n, 'invalid encoded storage byte array accessed'],
  [0x31n, 'out-of-bounds array access; popping on an empty array'],
  [0x32n, 'out-of-bounds access of an array or bytesN'],
  [0x41n, 'out of memory'],
  [0x51n, 'uninitialized function'],
])

/** The text of Error(string) or Panic(uint256) in revert data; undefined for anything else. */
export function revertReason(data: Uint8Array): string | undefined {
  const view = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const selector = view.toString('hex', 0, 4)
  const word = (index: number): bigint | undefined => {
    const at = 4 + 32 * index
    return view.length < at + 32 ? undefined : BigInt(`0x${view.toString('hex', at, at + 32)}`)
  }
  if (selector === '4e487b71') {
    const code = word(0)
    return code === undefined ? undefined : (PANICS.get(code) ?? `unknown panic code: 0x${code.toString(16)}`)
  }
  if (selector !== '08c379a0' || word(0) !== 32n) return undefined
  const length = word(1)
  if (length === undefined || BigInt(view.length - 68) < length) return undefined
  return view.toString('utf8', 68, 68 + Number(length))
}
