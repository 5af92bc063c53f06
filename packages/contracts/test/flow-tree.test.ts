import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { ReferenceFlow } from './support/reference-flow.ts'
import {
  createStorageClient,
  dataOf,
  encodeBatchSubmit,
  eventsOf,
  FLOW,
  failure,
  type Node,
  node,
  sectorsOf,
} from './support/storage-client.ts'
import { ALICE, createTestChain } from './support/test-chain.ts'

/** Heights as flow padding gives them: first at most 13, then smaller ones at most 3 below. */
const heights = fc
  .tuple(
    fc.oneof(fc.nat({ max: 13 }), fc.constantFrom(30, 45, 55)),
    fc.uniqueArray(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
  )
  .map(([first, drops]) => [
    first,
    ...drops
      .toSorted((a, b) => a - b)
      .map((drop) => first - drop)
      .filter((height) => height >= 0),
  ])

describe('the flow tree', () => {
  it('has the root, the positions and the levels of the reference for random submissions, one by one and in batches', async () => {
    let number = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(heights, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 6 }),
        async (calls) => {
          const chain = await createTestChain()
          const client = createStorageClient(chain)
          await client.sendMarket('setPricePerSector', [0n], { from: '0x0000000000000000000000000000000000000c0c' })
          const reference = new ReferenceFlow()
          let index = 0n
          for (const call of calls) {
            const files: Node[][] = call.map((levels) => levels.map((height) => node(number++, height)))
            const outcome = await chain.send({
              to: FLOW,
              data: encodeBatchSubmit(
                files.map((nodes) => dataOf(nodes)),
                ALICE,
              ),
            })
            expect(failure(outcome)).toBe('success')
            const events = eventsOf(outcome, 'Submit')
            for (const [position, nodes] of files.entries()) {
              expect(events[position]).toMatchObject({
                submissionIndex: index,
                startPos: reference.submit(nodes),
                length: sectorsOf(nodes),
              })
              expect(await client.flow('getFlowRootByTxSeq', index)).toBe(reference.root())
              index++
            }
            expect(await client.flow('computeFlowRoot')).toBe(reference.root())
            expect(await client.flow('tree')).toEqual([reference.length, reference.levels])
          }
        },
      ),
      { numRuns: 25 },
    )
  }, 300_000)

  it('starts a file of more than a segment at a segment, and lets small ones share one', async () => {
    const client = createStorageClient(await createTestChain())
    const start = async (seed: string, ...levels: number[]): Promise<bigint> =>
      eventsOf(await client.submit(dataOf(levels.map((height) => node(seed, height)))), 'Submit')[0].startPos
    expect(await start('small', 0)).toBe(1n)
    expect(await start('aligned', 3)).toBe(8n)
    expect(await start('crossing', 9, 8, 7, 6)).toBe(1024n)
    expect(await start('fits', 5)).toBe(1984n)
    expect(await start('next', 6, 3)).toBe(2048n)
    expect(await start('large', 10, 7)).toBe(3072n)
  })

  it('refuses a submission beyond 2^64 sectors', async () => {
    const chain = await createTestChain()
    const client = createStorageClient(chain)
    await client.sendMarket('setPricePerSector', [0n], { from: '0x0000000000000000000000000000000000000c0c' })
    expect(failure(await client.submit(dataOf([node('huge', 63)]), { value: 0n }))).toBe('FlowFull()')
    expect(failure(await client.submit(dataOf([node('huge', 62)]), { value: 0n }))).toBe('success')
  })
})
