import { RLP } from '@ethereumjs/rlp'
import { expect, test } from '@jest/globals'
import { toHex, ZerogError } from '@zerog/primitives'
import fc from 'fast-check'
import { readHeader } from './header.ts'
import { decodeRlp } from './rlp.ts'

const item = fc.letrec((tie) => ({
  leaf: fc.uint8Array({ maxLength: 300 }),
  list: fc.array(fc.oneof({ depthSize: 'small', maxDepth: 3 }, tie('leaf'), tie('list')), { maxLength: 5 }),
}))

test('reads what the reference implementation writes', () => {
  fc.assert(
    fc.property(fc.oneof(item.leaf, item.list), (value) => {
      const encoded = RLP.encode(value as never)
      expect(toHex(RLP.encode(decodeRlp(encoded) as never))).toBe(toHex(encoded))
    }),
  )
})

test('accepts one form only: what it reads, the reference implementation writes back as it was', () => {
  const nearly = fc.tuple(item.list, fc.nat(), fc.nat(255)).map(([value, at, byte]) => {
    const encoded = RLP.encode(value as never)
    encoded[at % encoded.length] = byte
    return encoded
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), nearly), (bytes) => {
      try {
        expect(toHex(RLP.encode(decodeRlp(bytes) as never))).toBe(toHex(bytes))
        readHeader(bytes)
      } catch (error) {
        if (!(error instanceof ZerogError)) throw error
        expect(error.reason).toBe('PROOF_INVALID')
      }
    }),
    { numRuns: 2_000 },
  )
})
