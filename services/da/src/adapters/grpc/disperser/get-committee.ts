import type { Committee } from '@zerog/availability'
import type { Endpoint } from '@zerog/ports'
import { fromHex } from '@zerog/primitives'
import { type Committee as CommitteeMessage, DisperserServiceDefinition } from '@zerog/proto/da'
import type { Committees } from '../../../app/committees.ts'
import { toWire } from '../statement-codec.ts'
import { DISPERSER_CALLERS } from './callers.ts'

const method = DisperserServiceDefinition.methods.getCommittee

export function getCommittee(committees: Committees): Endpoint<typeof method> {
  return {
    method,
    allow: DISPERSER_CALLERS,
    async handle({ epoch }) {
      const committee = epoch === undefined ? await committees.current() : await committees.committeeOf({ epoch, committee: 0 })
      return { committee: encodeCommittee(committee) }
    },
  }
}

function encodeCommittee({ epoch, id, root, seed, members }: Committee): CommitteeMessage {
  return {
    epoch,
    committee: id,
    root: toWire(root),
    seed: toWire(seed),
    members: members.map(({ address, stake, key, socket }) => ({
      address: toWire(fromHex(address)),
      stake,
      key: toWire(key),
      socket,
    })),
  }
}
