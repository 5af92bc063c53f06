import { toHex } from '@zerog/primitives'
import { type RlpItem, rlpDecode, rlpEncode, rlpInteger } from '../codec/rlp.ts'
import { hexText, type Json } from './values.ts'

/** `in` encodes to `out` and comes back; INVALID must be refused, VALID must come back. */
export function runRlpCase(test: Json): string | undefined {
  const wanted = hexText(test.out, 'out')
  const encoded = new Uint8Array(Buffer.from(wanted.slice(2), 'hex'))
  if (test.in === 'INVALID') return decoded(encoded) === undefined ? undefined : 'decoded, must be refused'
  if (test.in !== 'VALID') {
    const ours = toHex(rlpEncode(toItem(test.in)))
    if (ours !== wanted) return `encoded ${ours}, wanted ${wanted}`
  }
  const item = decoded(encoded)
  if (item === undefined) return 'refused, must be decoded'
  const again = toHex(rlpEncode(item))
  return again === wanted ? undefined : `encoded again ${again}, wanted ${wanted}`
}

function decoded(encoded: Uint8Array): RlpItem | undefined {
  try {
    return rlpDecode(encoded)
  } catch {
    return undefined
  }
}

/** Numbers, `#` and a decimal number, lists, and text, which is its bytes. */
function toItem(input: unknown): RlpItem {
  if (Array.isArray(input)) return input.map(toItem)
  if (typeof input === 'number') return rlpInteger(BigInt(input))
  if (typeof input !== 'string') throw new SyntaxError('in is neither a number nor text nor a list')
  return input.startsWith('#') ? rlpInteger(BigInt(input.slice(1))) : new Uint8Array(Buffer.from(input))
}
