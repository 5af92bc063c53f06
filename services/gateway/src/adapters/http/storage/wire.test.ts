import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodeDirectory, locate } from './directory.ts'
import { FaceError } from './face-error.ts'
import { keccak256Text } from './keccak-text.ts'
import { readSegment, segmentJson } from './wire.ts'

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => `0x${Buffer.from(bytes).toString('hex')}`)
const segment = fc.record({
  root: hash,
  data: fc.uint8Array({ maxLength: 1000 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  index: fc.nat(0xffffffff),
  proof: fc.record({ lemma: fc.array(hash, { maxLength: 20 }), path: fc.array(fc.boolean(), { maxLength: 20 }) }),
  fileSize: fc.maxSafeNat(),
})

describe('a segment in JSON', () => {
  test('comes back as it was sent', () => {
    fc.assert(fc.property(segment, (value) => expect(segmentJson(readSegment(value))).toEqual(value)))
  })

  test('of another form is refused as invalid parameters, never otherwise', () => {
    const damaged = fc.tuple(segment, fc.constantFrom('root', 'data', 'index', 'proof', 'fileSize'), fc.jsonValue())
    fc.assert(
      fc.property(damaged, fc.jsonValue(), ([value, field, other], anything) => {
        for (const input of [{ ...value, [field]: other }, anything]) {
          try {
            readSegment(input)
          } catch (error) {
            expect(error).toBeInstanceOf(FaceError)
            expect((error as FaceError).code).toBe(-32602)
          }
        }
      }),
    )
  })

  test('with characters that are no base64 is refused', () => {
    const good = { root: `0x${'00'.repeat(32)}`, data: 'AAAA', index: 0, proof: { lemma: [], path: [] }, fileSize: 3 }
    expect(readSegment(good).data).toHaveLength(3)
    for (const data of ['AA!A', 'AAAA*', 'A A A A', 'AAAAA']) expect(() => readSegment({ ...good, data })).toThrow(FaceError)
  })
})

describe('a directory', () => {
  const encode = (version: number, tree: unknown) =>
    Buffer.concat([keccak256Text('0g-storage-client-dir-codec'), Buffer.from([0, version]), Buffer.from(JSON.stringify(tree))])
  const tree = {
    name: '',
    type: 'directory',
    entries: [
      { name: 'a.txt', type: 'file', hash: '0x01', size: 5 },
      { name: 'sub', type: 'directory', entries: [{ name: 'b', type: 'file', roots: ['0x02'], size: 6 }] },
    ],
  }

  test('is read in both versions and searched by path', () => {
    for (const version of [1, 2]) {
      const root = decodeDirectory(encode(version, tree))
      if (root === undefined) throw new Error('not read')
      expect(locate(root, '/a.txt')?.roots).toEqual(['0x01'])
      expect(locate(root, 'sub/b')?.roots).toEqual(['0x02'])
      expect(locate(root, 'sub/')?.entries).toHaveLength(1)
      expect(locate(root, '../a.txt')).toBeUndefined()
      expect(locate(root, 'a.txt/b')).toBeUndefined()
    }
    expect(decodeDirectory(encode(3, tree))).toBeUndefined()
  })

  test('of any bytes is read or refused, never thrown', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void decodeDirectory(bytes)))
    fc.assert(fc.property(fc.jsonValue(), (value) => void decodeDirectory(encode(2, value))))
  })
})
