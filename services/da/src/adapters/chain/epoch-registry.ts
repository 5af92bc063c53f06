import { encodeMakeEpoch, readEpochSchedule } from '@zerog/contracts'
import type { ChainClient } from '@zerog/ports'
import type { EpochRegistry } from '../../app/disperser/epoch-keeper.ts'

/** DASigners of this network, as finalized blocks have it. */
export function epochRegistry(chain: Pick<ChainClient, 'call' | 'head'>): EpochRegistry {
  return {
    encode: encodeMakeEpoch,
    async overdueBlocks() {
      const { height } = await chain.head()
      const { nextFromBlock, nextMembers } = await readEpochSchedule((request) => chain.call(request))
      // An epoch without members cannot begin.
      return nextMembers === 0 || height + 1n < nextFromBlock ? undefined : height + 1n - nextFromBlock
    },
  }
}
