import type { Committee } from '@zerog/availability'
import { ZerogError } from '@zerog/primitives'
import type { Committees } from '../../app/committees.ts'

/** Committees that are known beforehand, the newest one last: for tests, benches and the simulator. */
export function staticCommittees(committees: readonly Committee[]): Committees {
  const missing = (what: string) => new ZerogError('NOT_FOUND', { message: `${what} is not known` })
  return {
    async current() {
      const newest = committees.at(-1)
      if (newest === undefined) throw missing('a committee')
      return newest
    },
    async committeeOf({ epoch, committee }) {
      const found = committees.find((each) => each.epoch === epoch && each.id === committee)
      if (found === undefined) throw missing(`committee ${committee} of epoch ${epoch}`)
      return found
    },
  }
}
