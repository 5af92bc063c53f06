import { describe, expect, it } from '@jest/globals'
import { createStorageClient, dataOf, encodeBatchSubmit, FLOW, failure, node } from './support/storage-client.ts'
import { ALICE, createTestChain } from './support/test-chain.ts'

const CEILINGS = { 'first of all': 165_000, '1 node': 143_000, '4 nodes': 167_000, again: 60_000, 'batch of 10, each': 72_500 }

/** Ceilings a little above what was measured (docs/adr/0056), so that a change that costs users gas is seen. */
describe('gas of a submission', () => {
  it('stays below its ceilings', async () => {
    const chain = await createTestChain()
    const client = createStorageClient(chain)
    const measured: Record<string, number> = {}
    const submit = async (name: string, ...heights: number[]): Promise<void> => {
      const outcome = await client.submit(dataOf(heights.map((height) => node(name, height))))
      expect(failure(outcome)).toBe('success')
      measured[name] = Number(outcome.gasUsed)
    }
    await submit('first of all', 0)
    for (let round = 0; round < 14; round++) {
      const files = Array.from({ length: 50 }, (_, index) => dataOf([node(`fill ${round} ${index}`, index % 7)]))
      expect(failure(await chain.send({ to: FLOW, data: encodeBatchSubmit(files, ALICE), value: 10n ** 9n }))).toBe('success')
    }
    await submit('1 node', 5)
    await submit('4 nodes', 13, 12, 11, 10)
    const again = await client.submit(dataOf([node('1 node', 5)]))
    measured.again = Number(again.gasUsed)
    const batch = Array.from({ length: 10 }, (_, index) => dataOf([node(`batch ${index}`, 5)]))
    const ten = await chain.send({ to: FLOW, data: encodeBatchSubmit(batch, ALICE), value: 3_200n })
    measured['batch of 10, each'] = Math.round(Number(ten.gasUsed) / 10)
    for (const [name, ceiling] of Object.entries(CEILINGS)) {
      if ((measured[name] ?? Number.POSITIVE_INFINITY) > ceiling)
        throw new Error(`${name} costs ${measured[name]} gas, more than ${ceiling}`)
    }
    // A figure far below its ceiling means that the ceiling no longer guards anything.
    for (const [name, ceiling] of Object.entries(CEILINGS)) expect(measured[name]).toBeGreaterThan(ceiling * 0.85)
  }, 300_000)
})
