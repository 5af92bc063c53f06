import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import { toHex } from '../bytes.ts'
import { buildFileTree, createFileTreeBuilder } from './file-tree.ts'
import { SEGMENT_BYTES } from './layout.ts'
import { checkSegmentProof } from './proof.ts'

type Vector = {
  rule: 'lcg' | 'zero' | 'ascii'
  size: number
  root: string
  entries: number
  segments: number
  paddedSize: number
  paddedSegments: number
  nodes: [number, string][]
}

const fixtures = process.env.ZEROG_FIXTURES ?? fileURLToPath(new URL('../../../../../shared/fixtures', import.meta.url))
const path = `${fixtures}/storage/vectors.jsonl`
const present = existsSync(path)
if (!present && process.env.ZEROG_REQUIRE_FIXTURES === '1') throw new Error(`ZEROG_REQUIRE_FIXTURES=1, but ${path} is missing`)
const vectors = present
  ? (readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)) as Vector[])
  : []
const suite = present ? describe : describe.skip

suite('file roots of the official client (fixtures/storage)', () => {
  it('holds all 18 vectors', () => expect(vectors).toHaveLength(18))

  it.each(vectors.map((vector) => [`${vector.rule} ${vector.size}`, vector] as const))('%s', (_, vector) => {
    const data = content(vector)
    const tree = buildFileTree(data)
    expect(toHex(tree.root)).toBe(vector.root)
    expect(tree.nodes.map(({ height, root }) => [height, toHex(root)])).toEqual(vector.nodes)
    expect(tree.layout).toEqual({
      sizeBytes: vector.size,
      entryCount: vector.entries,
      paddedEntryCount: vector.paddedSize / 256,
      segmentCount: vector.segments,
      paddedSegmentCount: vector.paddedSegments,
    })
    const last = vector.segments - 1
    const claim = {
      root: tree.root,
      sizeBytes: vector.size,
      index: last,
      data: data.subarray(last * SEGMENT_BYTES),
      proof: tree.proof(last),
    }
    expect(checkSegmentProof(claim)).toBeUndefined()
    const builder = createFileTreeBuilder()
    for (let offset = 0; offset < data.length; offset += 100_003) builder.push(data.subarray(offset, offset + 100_003))
    expect(builder.finish().root).toEqual(tree.root)
  })
})

function content({ rule, size }: Vector): Uint8Array {
  if (rule === 'ascii') return new TextEncoder().encode('hello 0g storage')
  const data = new Uint8Array(size)
  if (rule === 'lcg') for (let index = 0; index < size; index++) data[index] = (31 * index + 7) & 0xff
  return data
}
