import { describe, expect, test } from '@jest/globals'
import { buildFileTree, fromHex, referenceHasher, toHex } from '@zerog/primitives'
import fc from 'fast-check'
import { encodeAbiParameters } from 'viem'
import { decodeSubmission, packNodes, unpackNodes } from './submission.ts'

const PARAMETERS = [
  { type: 'uint256' },
  { type: 'uint256' },
  { type: 'uint256' },
  {
    type: 'tuple',
    components: [
      { type: 'uint256' },
      { type: 'bytes' },
      { type: 'tuple[]', components: [{ type: 'bytes32' }, { type: 'uint256' }] },
    ],
  },
] as const

const submitter = new Uint8Array(20).fill(0xab)
const topics = [new Uint8Array(32), new Uint8Array([...new Uint8Array(12), ...submitter]), new Uint8Array(32)]

function encode(
  size: bigint,
  tags: `0x${string}`,
  nodes: readonly (readonly [`0x${string}`, bigint])[],
  txSeq = 5n,
  start = 1024n,
) {
  return fromHex(encodeAbiParameters(PARAMETERS, [txSeq, start, 18n, [size, tags, nodes]]))
}

describe('a Submit event', () => {
  test('gives the file root as the fold of its nodes', () => {
    const data = Uint8Array.from({ length: 4097 }, (_, index) => (31 * index + 7) & 255)
    const tree = buildFileTree(data)
    const nodes = tree.nodes.map((node) => [toHex(node.root), BigInt(node.height)] as const)
    const found = decodeSubmission({ topics, data: encode(4097n, '0xcafe', nodes) }, referenceHasher)
    expect(found).toMatchObject({ txSeq: 5, startEntry: 1024, sizeBytes: 4097, tags: new Uint8Array([0xca, 0xfe]), submitter })
    expect(toHex(found?.root ?? new Uint8Array())).toBe('0xb187870fd7c9056de1b1e168560a3e9fe9bc3116cc6ce5c60398042b0ab281e2')
    expect(found?.nodes).toEqual(tree.nodes)
  })

  test('of a file that cannot exist here is no submission', () => {
    const root = toHex(new Uint8Array(32))
    const decode = (data: Uint8Array) => decodeSubmission({ topics, data }, referenceHasher)
    expect(decode(encode(1n, '0x', [[root, 0n]]))).toBeDefined()
    expect(decode(encode(0n, '0x', [[root, 0n]]))).toBeUndefined()
    expect(decode(encode(2n ** 60n, '0x', [[root, 0n]]))).toBeUndefined()
    expect(decode(encode(1n, '0x', []))).toBeUndefined()
    expect(decode(encode(1n, '0x', [[root, 64n]]))).toBeUndefined()
    expect(decode(encode(1n, '0x', [[root, 0n]], 2n ** 80n))).toBeUndefined()
    expect(decode(encode(1n, '0x', [[root, 0n]], 5n, 2n ** 53n))).toBeUndefined()
    expect(decodeSubmission({ topics: [], data: encode(1n, '0x', [[root, 0n]]) }, referenceHasher)).toBeUndefined()
  })

  test('of hostile bytes never throws, nor does a damaged one', () => {
    const root = toHex(new Uint8Array(32).fill(1))
    const good = encode(300n, '0x010203', [[root, 1n]])
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 600 }),
        fc.nat(good.length),
        fc.nat(good.length - 1),
        fc.nat(255),
        (bytes, cut, at, byte) => {
          decodeSubmission({ topics, data: bytes }, referenceHasher)
          decodeSubmission({ topics, data: good.subarray(0, cut) }, referenceHasher)
          const damaged = good.slice()
          damaged[at] = byte
          decodeSubmission({ topics, data: damaged }, referenceHasher)
        },
      ),
    )
  })

  test('keeps its nodes through the store', () => {
    const nodes = [
      { height: 10, root: new Uint8Array(32).fill(1) },
      { height: 0, root: new Uint8Array(32).fill(2) },
    ]
    expect(unpackNodes(packNodes(nodes))).toEqual(nodes)
  })
})
