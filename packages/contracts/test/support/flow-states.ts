import type { Hex } from '@zerog/primitives'
import { artifacts } from '../../src/index.ts'
import { FLOW } from './storage-client.ts'
import { createTestChain, type TestChain, testAllocation } from './test-chain.ts'

export type FlowState = {
  /** Sectors in the tree. */
  readonly length: bigint
  /** An epoch of 100 blocks ended and nobody closed it. */
  readonly epochEnded: boolean
  /** Nobody submitted on this UTC day yet. */
  readonly dayBegins: boolean
}

/** A chain whose flow is in a state that would take years to reach. The subtrees in it are not those of any files. */
export async function chainInState({ length, epochEnded, dayBegins }: FlowState): Promise<TestChain> {
  const allocation = testAllocation()
  const { storage: layout } = artifacts.flow
  const today = dayBegins ? 0n : 1_800_000_000n / 86_400n
  const at = (field: 'length' | 'count' | 'day', value: bigint): bigint => value << BigInt(8 * layout[`cursor.${field}`].offset)
  const chain = await createTestChain({
    ...allocation,
    [FLOW]: {
      balance: 0n,
      ...allocation[FLOW],
      storage: {
        ...allocation[FLOW]?.storage,
        [word(BigInt(layout['cursor.length'].slot))]: word(at('length', length) | at('count', 5n) | at('day', today)),
      },
    },
  })
  chain.height = epochEnded ? 101n : 1n
  return chain
}

/** The least gas limit that succeeds, to the unit: no estimate can be lower. */
export async function leastGas(succeeds: (gas: bigint) => Promise<boolean>): Promise<bigint> {
  let low = 21_000n
  let high = 1_000_000n
  while (!(await succeeds(high))) {
    if (high > 30_000_000n) throw new Error('fails with any gas')
    low = high
    high *= 2n
  }
  while (low + 1n < high) {
    const middle = (low + high) / 2n
    if (await succeeds(middle)) high = middle
    else low = middle
  }
  return high
}

function word(value: bigint): Hex {
  return `0x${value.toString(16).padStart(64, '0')}`
}
