import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type LineageEdge, type LineageNode, trace, uniqueEdges } from './lineage-graph.ts'

const node = (id: string): LineageNode => ({ kind: 'answer', id })
const edge = (from: string, to: string): LineageEdge => ({ from: node(from), to: node(to), how: 'made', source: 'chain' })
const shown = (edges: readonly LineageEdge[]) => edges.map(({ from, to }) => from.id + to.id).sort()

describe('what made a thing and what it made', () => {
  const edges = ['ab', 'bc', 'cd', 'xb', 'cy', 'yz', 'qr'].map(([from, to]) => edge(from as string, to as string))

  test('is followed to the end in one direction, and never sideways', () => {
    expect(shown(trace(edges, { of: [node('c')], towards: 'origin' }))).toEqual(['ab', 'bc', 'xb'])
    expect(shown(trace(edges, { of: [node('c')], towards: 'use' }))).toEqual(['cd', 'cy', 'yz'])
    expect(trace(edges, { of: [node('r')], towards: 'use' })).toEqual([])
  })

  test('is told nearest first', () => {
    expect(trace(edges, { of: [node('d')], towards: 'origin' }).map(({ from }) => from.id)).toEqual(['c', 'b', 'a', 'x'])
  })

  test('names a thing by kind and id, whatever the case of its hexadecimal digits', () => {
    const upper = { ...edge('0xAB', 'm') }
    expect(trace([upper], { of: [node('0xab')], towards: 'use' })).toEqual([upper])
    expect(trace([upper], { of: [{ kind: 'file', id: '0xab' }], towards: 'use' })).toEqual([])
  })

  test('ends for circles and repeats nothing', () => {
    const letters = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    fc.assert(
      fc.property(fc.array(fc.tuple(letters, letters), { maxLength: 30 }), (pairs) => {
        const all = uniqueEdges(pairs.map(([from, to]) => edge(from, to)))
        for (const towards of ['origin', 'use'] as const) {
          const found = trace(all, { of: [node('a')], towards })
          expect(new Set(found).size).toBe(found.length)
        }
        expect(new Set(shown(all)).size).toBe(all.length)
      }),
    )
  })
})

test('of two words about one edge the first stands', () => {
  const second = { ...edge('a', 'b'), source: 'provider' as const }
  expect(uniqueEdges([edge('a', 'b'), second])).toEqual([edge('a', 'b')])
})
