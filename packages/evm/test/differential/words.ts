const MAX = (1n << 256n) - 1n

/** Numbers at which arithmetic, memory and gas rules change. */
export const EDGE_WORDS: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 5n, 7n, 8n, 16n, 31n, 32n, 33n, 63n, 64n, 127n, 128n, 255n, 256n, 257n, 1023n, 1024n, 8191n],
  ...[16n, 31n, 32n, 53n, 63n, 64n, 128n, 160n, 255n].flatMap((bits) => [(1n << bits) - 1n, 1n << bits, (1n << bits) + 1n]),
  ...[MAX, MAX - 1n, MAX - 31n, MAX - 255n, 0x8080808080808080n, 0x7fn << 248n, 0xdeadbeefn],
]

export function wordHex(value: bigint): string {
  return value.toString(16).padStart(64, '0')
}

export function bytesToHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}

/** The shortest PUSH, hex. */
export function push(value: bigint | number): string {
  const number = BigInt(value)
  if (number === 0n) return '5f'
  const hex = number.toString(16)
  const even = hex.length % 2 === 1 ? `0${hex}` : hex
  return (0x5f + even.length / 2).toString(16) + even
}

/** MSTOREs that leave these bytes in memory from `at` on, in whole words. */
export function storeBytes(hex: string, at: number): string {
  let code = ''
  for (let offset = 0; offset < hex.length; offset += 64) {
    code += `7f${hex.slice(offset, offset + 64).padEnd(64, '0')}${push(at + offset / 2)}52`
  }
  return code
}
