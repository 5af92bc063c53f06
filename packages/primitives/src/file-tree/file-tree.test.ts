import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { toHex } from '../bytes.ts'
import { defaultHasher } from './default-hasher.ts'
import { assembleFileTree, buildFileTree, createFileTreeBuilder, fileTreeOfStream } from './file-tree.ts'
import { hashPair, referenceHasher, zeroRoot } from './hasher.ts'
import { ENTRY_BYTES, fileLayout, proofSteps, SEGMENT_BYTES, subtreeHeights } from './layout.ts'
import { fileTreeInPool, type SegmentHasher } from './parallel.ts'
import { checkSegmentProof, checkSegmentRoot, type SegmentClaim } from './proof.ts'
import { createSegmentTree, foldNodes } from './segment-tree.ts'

/** Bytes without long repeats: no two entries of a test file are equal. */
function content(sizeBytes: number, seed = 1): Uint8Array {
  const data = new Uint8Array(sizeBytes)
  for (let index = 0, state = seed; index < sizeBytes; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    data[index] = state >>> 24
  }
  return data
}

/** The definition of section 1 and nothing else: all padded entries in one list, level by level, an odd last node moves up. */
function oneLevelRoot(data: Uint8Array): Uint8Array {
  const { paddedEntryCount } = fileLayout(data.length)
  let level = Array.from({ length: paddedEntryCount }, (_, index) => {
    const entry = new Uint8Array(ENTRY_BYTES)
    entry.set(data.subarray(index * ENTRY_BYTES, (index + 1) * ENTRY_BYTES))
    return defaultHasher.keccak256(entry)
  })
  while (level.length > 1) {
    const next: Uint8Array[] = []
    for (let index = 0; index < level.length; index += 2) {
      const right = level[index + 1]
      next.push(right === undefined ? (level[index] as Uint8Array) : hashPair(defaultHasher, level[index] as Uint8Array, right))
    }
    level = next
  }
  return level[0] as Uint8Array
}

/** Sizes around entries, segments and padding steps, and anywhere up to 6 segments. */
const sizes = fc.oneof(
  fc.integer({ min: 1, max: 20_000 }),
  fc.integer({ min: 1, max: 6 * SEGMENT_BYTES }),
  fc
    .tuple(fc.integer({ min: 1, max: 24 }), fc.integer({ min: -257, max: 257 }))
    .map(([quarters, shift]) => Math.max(1, (quarters * SEGMENT_BYTES) / 4 + shift)),
)

const claimOf = (data: Uint8Array, index: number, tree = buildFileTree(data)): SegmentClaim => {
  const segment = data.slice(index * SEGMENT_BYTES, (index + 1) * SEGMENT_BYTES)
  return { root: tree.root, sizeBytes: data.length, index, data: segment, proof: tree.proof(index) }
}

describe('the file tree', () => {
  it('is the tree over all padded entries, and its nodes fold to its root', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), (size, seed) => {
        const data = content(size, seed)
        const tree = buildFileTree(data)
        expect(toHex(tree.root)).toBe(toHex(oneLevelRoot(data)))
        expect(toHex(foldNodes(tree.nodes, defaultHasher))).toBe(toHex(tree.root))
        expect(tree.nodes.map(({ height }) => height)).toEqual(subtreeHeights(tree.layout.paddedEntryCount))
      }),
      { numRuns: 20 },
    )
  }, 300_000)

  it('is the same with the reference hasher', () => {
    for (const size of [1, 4_097, SEGMENT_BYTES + 1]) {
      const data = content(size)
      const [fast, slow] = [buildFileTree(data), buildFileTree(data, referenceHasher)]
      expect(slow.nodes).toEqual(fast.nodes)
      expect(slow.proof(0)).toEqual(fast.proof(0))
    }
  }, 300_000)

  it('is the same from any pieces of a stream, which may be reused', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 400_000 }), async (size, step) => {
        const data = content(size)
        const tree = buildFileTree(data)
        const builder = createFileTreeBuilder()
        const piece = new Uint8Array(step)
        for (let offset = 0; offset < size; offset += step) {
          const bytes = data.subarray(offset, offset + step)
          piece.set(bytes)
          builder.push(piece.subarray(0, bytes.length))
          piece.fill(0xee)
        }
        const streamed = builder.finish()
        expect(streamed.nodes).toEqual(tree.nodes)
        expect(streamed.root).toEqual(tree.root)
        const pieces = async function* () {
          for (let offset = 0; offset < size; offset += step) yield data.subarray(offset, offset + step)
        }
        expect((await fileTreeOfStream(pieces())).root).toEqual(tree.root)
        for (const segmentsAtOnce of [1, 2, 16]) {
          const pooled = await fileTreeInPool(pieces(), { pool: inlinePool(segmentsAtOnce) })
          expect(pooled.nodes).toEqual(tree.nodes)
          expect(pooled.root).toEqual(tree.root)
        }
      }),
      { numRuns: 12 },
    )
  }, 300_000)

  it('refuses an empty file in every form', async () => {
    expect(() => buildFileTree(new Uint8Array(0))).toThrow(RangeError)
    expect(() => createFileTreeBuilder().finish()).toThrow(RangeError)
    await expect(fileTreeInPool([], { pool: inlinePool(1) })).rejects.toThrow(RangeError)
  })

  it('hears of a pool that fails and of a caller who gives up', async () => {
    const failing: SegmentHasher = { segmentsAtOnce: 1, segmentRoots: () => Promise.reject(new Error('boom')) }
    await expect(fileTreeInPool([content(3 * SEGMENT_BYTES)], { pool: failing })).rejects.toThrow('boom')
    const signal = AbortSignal.abort(new Error('given up'))
    await expect(fileTreeInPool([content(10)], { pool: inlinePool(1), signal })).rejects.toThrow('given up')
  })

  it('is the same from known roots', () => {
    const data = content(3 * SEGMENT_BYTES + 5)
    const tree = buildFileTree(data)
    const segmentRoots = new Uint8Array(4 * 32)
    for (let index = 0; index < 4; index++) segmentRoots.set(tree.segmentRoot(index), index * 32)
    const again = createSegmentTree({ sizeBytes: data.length, segmentRoots }, defaultHasher)
    expect(again.root).toEqual(tree.root)
    expect(again.proof(3)).toEqual(tree.proof(3))
    const fullRoots = segmentRoots.subarray(0, 96)
    const lastSegment = data.subarray(3 * SEGMENT_BYTES)
    expect(assembleFileTree({ sizeBytes: data.length, fullRoots, lastSegment }).nodes).toEqual(tree.nodes)
  })
})

describe('a segment proof', () => {
  it('of every index verifies, with the data short or padded to the entry', () => {
    fc.assert(
      fc.property(sizes, (size) => {
        const data = content(size)
        const tree = buildFileTree(data)
        for (let index = 0; index < tree.layout.segmentCount; index++) {
          const claim = claimOf(data, index, tree)
          expect(checkSegmentProof(claim)).toBeUndefined()
          const padded = new Uint8Array(Math.ceil(claim.data.length / ENTRY_BYTES) * ENTRY_BYTES)
          padded.set(claim.data)
          expect(checkSegmentProof({ ...claim, data: padded })).toBeUndefined()
        }
      }),
      { numRuns: 12 },
    )
  }, 300_000)

  it('fails with any bit flipped, in data, root or lemma', () => {
    const data = content(5 * SEGMENT_BYTES + 1_000)
    const claims = [0, 3, 5].map((index) => claimOf(data, index))
    fc.assert(
      fc.property(fc.constantFrom(...claims), fc.nat({ max: 9 }), fc.nat(), (claim, part, at) => {
        const parts = [claim.data, claim.root, ...claim.proof.lemma]
        const target = parts[part % parts.length] as Uint8Array
        const bit = at % (target.length * 8)
        const changed = target.slice()
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
        const swap = (bytes: Uint8Array): Uint8Array => (bytes === target ? changed : bytes)
        const proof = { lemma: claim.proof.lemma.map(swap), path: claim.proof.path }
        return checkSegmentProof({ ...claim, data: swap(claim.data), root: swap(claim.root), proof }) !== undefined
      }),
      { numRuns: 300 },
    )
  }, 300_000)

  it('fails for another index, another size or another shape', () => {
    const data = content(5 * SEGMENT_BYTES + 1_000)
    const claim = claimOf(data, 2)
    const { lemma, path } = claim.proof
    const cases: [Partial<SegmentClaim>, string][] = [
      [{ index: 3 }, 'invalid proof'],
      [{ index: 6 }, 'index out of bound'],
      [{ index: -1 }, 'index out of bound'],
      [{ index: 0.5 }, 'index out of bound'],
      [{ data: claim.data.subarray(1) }, 'invalid data length'],
      [{ data: new Uint8Array(0) }, 'invalid data length'],
      [{ sizeBytes: 2 * SEGMENT_BYTES + 256 }, 'invalid data length'],
      [{ sizeBytes: 20 * SEGMENT_BYTES }, 'invalid proof'],
      [{ proof: { lemma: lemma.slice(1), path } }, 'invalid proof'],
      [{ proof: { lemma, path: path.slice(1) } }, 'invalid proof'],
      [{ proof: { lemma, path: path.map((side) => !side) } }, 'invalid proof'],
      [{ proof: { lemma: [], path: [] } }, 'invalid proof'],
      [{ proof: { lemma: lemma.map((node, level) => (level === 1 ? node.subarray(1) : node)), path } }, 'invalid proof'],
      [{ root: new Uint8Array(31) }, 'invalid proof'],
      [{ root: new Uint8Array(32) }, 'validation failed'],
    ]
    for (const [change, failure] of cases) expect(checkSegmentProof({ ...claim, ...change })).toBe(failure)
  })

  it('never throws on anything that has its types', () => {
    const bytes = fc.uint8Array({ maxLength: 300 })
    const anyProof = fc.record({ lemma: fc.array(bytes, { maxLength: 6 }), path: fc.array(fc.boolean(), { maxLength: 6 }) })
    const anyClaim = fc.record({
      root: bytes,
      sizeBytes: fc.integer({ min: 1, max: 2_000_000 }),
      index: fc.integer(),
      data: bytes,
      proof: anyProof,
    })
    fc.assert(fc.property(anyClaim, (claim) => checkSegmentProof(claim) !== undefined))
  })

  it('refuses bytes behind the end of the file that a reader would not see', () => {
    const data = content(1_000)
    const visible = claimOf(data, 0)
    const padded = new Uint8Array(1_024)
    padded.set(data)
    padded[1_023] = 1
    const { root, proof } = claimOf(padded, 0)
    const claim = { root, sizeBytes: 1_000, index: 0, data: padded, proof }
    expect(checkSegmentProof(claim)).toBe('data beyond the end of the file is not zero')
    expect(checkSegmentProof({ ...claim, sizeBytes: 1_024 })).toBeUndefined()
    expect(checkSegmentProof(visible)).toBeUndefined()
  })

  it('refuses data where others see padding', () => {
    // 17 segments of data count against 18: the root below carries something else in the last one.
    const layout = fileLayout(16 * SEGMENT_BYTES + 1)
    expect(layout.paddedSegmentCount).toBe(18)
    const leaves = Array.from({ length: 18 }, (_, index) => defaultHasher.keccak256(Uint8Array.of(index)))
    const levels = [leaves]
    for (let level = leaves; level.length > 1; levels.push(level)) {
      level = Array.from({ length: Math.ceil(level.length / 2) }, (_, index) => {
        const right = level[2 * index + 1]
        const left = level[2 * index] as Uint8Array
        return right === undefined ? left : hashPair(defaultHasher, left, right)
      })
    }
    const root = levels.at(-1)?.[0] as Uint8Array
    const honestPair = hashPair(defaultHasher, leaves[16] as Uint8Array, zeroRoot(10))
    const head = levels[4]?.[0] as Uint8Array
    const check = (sibling: Uint8Array, fileRoot: Uint8Array): unknown => {
      const proof = { lemma: [leaves[16] as Uint8Array, sibling, head, fileRoot], path: [true, false] }
      return checkSegmentRoot({ layout, index: 16, segmentRoot: leaves[16] as Uint8Array, root: fileRoot, proof })
    }
    expect(proofSteps(18, 16).map(({ isLeft }) => isLeft)).toEqual([true, false])
    expect(check(leaves[17] as Uint8Array, root)).toBe('invalid proof node value in the padding range')
    expect(check(zeroRoot(10), hashPair(defaultHasher, head, honestPair))).toBeUndefined()
  })
})

describe('the layout', () => {
  it('pads by at most an eighth and to at most four subtrees', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 50 }), (size) => {
        const { entryCount, paddedEntryCount } = fileLayout(size)
        expect(subtreeHeights(paddedEntryCount).length).toBeLessThanOrEqual(4)
        expect(paddedEntryCount).toBeGreaterThanOrEqual(entryCount)
        if (entryCount >= 16) expect(paddedEntryCount - entryCount).toBeLessThan(entryCount / 8)
        expect(subtreeHeights(paddedEntryCount).reduce((sum, height) => sum + 2 ** height, 0)).toBe(paddedEntryCount)
      }),
    )
  })

  it.each([0, -1, 0.5, 2 ** 50 + 1, Number.NaN])('has no file of %s bytes', (size) => {
    expect(() => fileLayout(size)).toThrow(RangeError)
  })
})

/** A pool without threads that answers late and checks that its input does not change meanwhile. */
function inlinePool(segmentsAtOnce: number): SegmentHasher {
  return {
    segmentsAtOnce,
    async segmentRoots(data) {
      const before = defaultHasher.keccak256(data)
      await new Promise((resolve) => setImmediate(resolve))
      expect(defaultHasher.keccak256(data)).toEqual(before)
      const roots = new Uint8Array((data.length / SEGMENT_BYTES) * 32)
      for (let index = 0; index * SEGMENT_BYTES < data.length; index++) {
        roots.set(defaultHasher.subtreeRoot(data.subarray(index * SEGMENT_BYTES, (index + 1) * SEGMENT_BYTES), 10), index * 32)
      }
      return roots
    },
  }
}
