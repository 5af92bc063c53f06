import type { Rpc } from '@zerog/ports'
import type { DaNode } from '../../../app/node/da-node.ts'
import { nodeService } from '../put-rows-codec.ts'
import { getNodeRlc } from './get-node-rlc.ts'
import { getRows } from './get-rows.ts'
import { getStats } from './get-stats.ts'
import { putRows } from './put-rows.ts'
import { signWindow } from './sign-window.ts'

export function serveNode(rpc: Rpc, node: DaNode, address: () => Promise<Uint8Array>): void {
  rpc.serve(nodeService, nodeEndpoints(node, address))
}

/** What a member serves, whichever door a call comes through. */
export function nodeEndpoints(node: DaNode, address: () => Promise<Uint8Array>) {
  return {
    putRows: putRows(node),
    signWindow: signWindow(node),
    getRows: getRows(node),
    getNodeRlc: getNodeRlc(node),
    getStats: getStats(node, address),
  }
}
