import { hash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import type { Hex } from '@zerog/primitives'
import { type Candidate, chooseNodes } from './placement.ts'

const GIB = 2 ** 30
const draw = (seed: Uint8Array, nodeId: Hex) =>
  Number.parseInt(hash('sha256', Buffer.concat([seed, Buffer.from(nodeId)]), 'hex').slice(0, 12), 16)
const node = (id: number, capacity = 10 * GIB, used = 0): Candidate => ({
  nodeId: `0x${id.toString(16).padStart(4, '0')}`,
  capacityBytes: capacity,
  usedBytes: used,
})
const nodes = (count: number) => Array.from({ length: count }, (_, id) => node(id))
const seed = (index: number) => new Uint8Array([index >> 8, index & 255])
const choose = (candidates: readonly Candidate[], index: number, replicas = 3, neededBytes = 1) =>
  chooseNodes({ seed: seed(index), candidates, replicas, neededBytes, draw })

describe('placement', () => {
  test('is the same for the same candidates in any order, without doubles', () => {
    for (let index = 0; index < 100; index++) {
      const chosen = choose(nodes(8), index)
      expect(choose(nodes(8).reverse(), index)).toEqual(chosen)
      expect(new Set(chosen).size).toBe(3)
    }
  })

  test('moves only the share of a node that goes', () => {
    for (let index = 0; index < 200; index++) {
      const before = choose(nodes(8), index)
      const after = choose(nodes(7), index)
      const stayed = before.filter((nodeId) => nodeId !== node(7).nodeId)
      expect(stayed.every((nodeId) => after.includes(nodeId))).toBe(true)
    }
  })

  test('gives a node with three times the room about three times the data', () => {
    const counts = new Map<string, number>()
    const candidates = [node(0, 30 * GIB), ...Array.from({ length: 9 }, (_, id) => node(id + 1))]
    for (let index = 0; index < 6000; index++) {
      for (const nodeId of choose(candidates, index, 1)) counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1)
    }
    const large = counts.get(node(0).nodeId) ?? 0
    // Expected 6000 * 3 / 12; four standard deviations are 134.
    expect(Math.abs(large - 1500)).toBeLessThan(140)
  })

  test('leaves out nodes without room', () => {
    const candidates = [node(0, 100, 50), node(1, 100, 0), node(2, 100, 100)]
    expect(choose(candidates, 1, 3, 60)).toEqual([node(1).nodeId])
    expect(choose([], 1)).toEqual([])
  })
})
