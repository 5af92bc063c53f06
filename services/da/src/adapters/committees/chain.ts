import type { Committee } from '@zerog/availability'
import { readCommittee, readEpoch } from '@zerog/contracts'
import type { ChainClient, Clock } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { Committees } from '../../app/committees.ts'
import { COMMITTEES_KEPT_MAX, EPOCH_TTL_MS, SOCKETS_TTL_MS } from '../../limits.ts'

type Kept = { readonly committee: Promise<Committee>; readonly readAtMs: number }

/**
 * Committees out of the registry on chain, as finalized blocks have it. Members of an epoch never change, but their sockets do, so a
 * committee is read again after a while; the old answer goes on serving while the chain is silent.
 */
export function chainCommittees(deps: {
  readonly chain: Pick<ChainClient, 'call'>
  readonly clock: Clock
  readonly epochTtlMs?: number
}): Committees {
  const { chain, clock, epochTtlMs = EPOCH_TTL_MS } = deps
  const kept = new Map<bigint, Kept>()
  let epoch: { readonly number: Promise<bigint>; readonly readAtMs: number } | undefined

  function read(number: bigint): Promise<Committee> {
    const before = kept.get(number)
    const nowMs = clock.monotonicMs()
    if (before !== undefined && nowMs - before.readAtMs < SOCKETS_TTL_MS) return before.committee
    const committee = readCommittee((request) => chain.call(request), { epoch: number }).then((found) => {
      if (found !== undefined) return found
      throw new ZerogError('NOT_FOUND', {
        message: `the registry knows no DA committee of epoch ${number}; it begins with the first registered member`,
        metadata: { epoch: String(number) },
      })
    })
    const answer = before === undefined ? committee : committee.catch(() => before.committee)
    kept.delete(number)
    kept.set(number, { committee: answer, readAtMs: nowMs })
    // What failed is asked again next time.
    answer.catch(() => kept.delete(number))
    if (kept.size > COMMITTEES_KEPT_MAX) kept.delete(kept.keys().next().value as bigint) // the oldest; the map is not empty
    return answer
  }

  async function currentEpoch(): Promise<bigint> {
    const nowMs = clock.monotonicMs()
    if (epoch !== undefined && nowMs - epoch.readAtMs < epochTtlMs) return epoch.number
    const before = epoch?.number
    const asked = readEpoch((request) => chain.call(request))
    const number = before === undefined ? asked : asked.catch(() => before)
    epoch = { number, readAtMs: nowMs }
    number.catch(() => {
      epoch = undefined
    })
    return number
  }

  return {
    current: async () => read(await currentEpoch()),
    async committeeOf({ epoch: number, committee }) {
      if (committee === 0) return read(number)
      throw new ZerogError('NOT_FOUND', {
        message: `epoch ${number} has one committee, number 0, not ${committee}`,
        metadata: { epoch: String(number), committee: String(committee) },
      })
    },
  }
}
