import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type RlpItem, rlpEncode, rlpInteger } from '../codec/rlp.ts'
import { decodeAccount, encodeAccount } from '../state/account.ts'
import { decodeNode, type NodeRef, type TrieNode } from './node.ts'
import { ABSENT, endAt, HASH, isBranch, isNode, pathAt, payloadAt } from './packed.ts'

const bytes = (constraints: fc.IntArrayConstraints) => fc.uint8Array(constraints)
const child = fc.oneof(
  fc.constant(new Uint8Array(0)),
  bytes({ minLength: 32, maxLength: 32 }),
  fc.constant([Uint8Array.of(0x31), Uint8Array.of(7)]),
)
const path = fc
  .tuple(fc.constantFrom(0x00, 0x10, 0x1a, 0x20, 0x31, 0x02, 0x45), bytes({ maxLength: 40 }))
  .map(([flags, rest]) => Uint8Array.of(flags, ...rest))
const node: fc.Arbitrary<RlpItem> = fc.oneof(
  fc.tuple(path, bytes({ minLength: 1, maxLength: 90 })),
  fc.tuple(path, child),
  fc
    .tuple(fc.array(child, { minLength: 16, maxLength: 16 }), bytes({ maxLength: 40 }))
    .map(([children, value]) => [...children, value]),
)

/** Reads every field of a packed node, nothing beyond its end. */
function fields(encoded: Uint8Array, at: number): unknown {
  if (isBranch(encoded, at)) {
    const children: unknown[] = []
    let item = payloadAt(encoded, at)
    for (let nibble = 0; nibble < 16; nibble++, item = endAt(encoded, item)) children.push(ref(encoded, item))
    return { children, value: encoded.slice(payloadAt(encoded, item), endAt(encoded, item)) }
  }
  const { leaf, count, end } = pathAt(encoded, at)
  return { leaf, count, second: leaf ? encoded.slice(payloadAt(encoded, end), endAt(encoded, end)) : ref(encoded, end) }
}

function ref(encoded: Uint8Array, item: number): unknown {
  if (encoded[item] === ABSENT) return null
  return encoded[item] === HASH ? encoded.slice(item + 1, item + 33) : fields(encoded, item)
}

function decodedFields(decoded: TrieNode): unknown {
  const item = (each: NodeRef | null): unknown => (each === null || each instanceof Uint8Array ? each : decodedFields(each))
  if (decoded.kind === 'branch') return { children: decoded.children.map(item), value: decoded.value ?? new Uint8Array(0) }
  const leaf = decoded.kind === 'leaf'
  return { leaf, count: decoded.path.length, second: leaf ? decoded.value : item(decoded.child) }
}

describe('packed nodes', () => {
  test('what is taken for a node reads the same packed and decoded', () => {
    fc.assert(
      fc.property(node, (item) => {
        const encoded = rlpEncode(item)
        if (isNode(encoded)) expect(fields(encoded, 0)).toEqual(decodedFields(decodeNode(encoded)))
      }),
      { numRuns: 500 },
    )
  })

  test('of any other bytes none is taken for a node that does not decode', () => {
    const at = fc.nat({ max: 700 })
    fc.assert(
      fc.property(node, at, fc.nat(255), at, (item, place, byte, length) => {
        const encoded = rlpEncode(item)
        encoded[place % encoded.length] = byte
        for (const tried of [encoded, encoded.subarray(0, length)]) if (isNode(tried)) decodeNode(tried)
      }),
      { numRuns: 2_000 },
    )
    fc.assert(fc.property(bytes({ maxLength: 80 }), (tried) => void (isNode(tried) && decodeNode(tried))))
    expect(
      [new Uint8Array(0), Uint8Array.of(0xf9), Uint8Array.of(0xc1, 0x80), rlpEncode([])].map((tried) => isNode(tried)),
    ).toEqual(new Array(4).fill(false))
  })
})

test('accounts are written as RLP says and read back', () => {
  const hash = bytes({ minLength: 32, maxLength: 32 })
  const edge = fc.constantFrom(0n, 1n, 127n, 128n, 255n, 256n, 2n ** 48n - 1n, 2n ** 48n, 2n ** 53n, 2n ** 64n - 1n)
  const account = fc.record({
    nonce: fc.oneof(edge, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
    balance: fc.oneof(edge, fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), fc.bigInt({ min: 0n, max: 2n ** 90n })),
    storageRoot: hash,
    codeHash: hash,
  })
  fc.assert(
    fc.property(account, (record) => {
      const encoded = encodeAccount(record)
      const { nonce, balance, storageRoot, codeHash } = record
      expect(encoded).toEqual(rlpEncode([rlpInteger(nonce), rlpInteger(balance), storageRoot, codeHash]))
      expect(decodeAccount(encoded)).toEqual(record)
    }),
    { numRuns: 1_000 },
  )
})
