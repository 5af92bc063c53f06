import type { Endpoint } from '@zerog/ports'
import { NodeServiceDefinition } from '@zerog/proto/da'
import type { DaNode } from '../../../app/node/da-node.ts'
import { decodeStatement, toWire } from '../statement-codec.ts'

const method = NodeServiceDefinition.methods.signWindow

export function signWindow(node: DaNode): Endpoint<typeof method> {
  return {
    method,
    allow: ['da-disperser'],
    handle: async ({ bundles }) => ({ signature: toWire(await node.sign(bundles.map(decodeStatement))) }),
  }
}
