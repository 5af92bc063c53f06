import type { Rpc } from '@zerog/ports'
import { StorageNodeServiceDefinition } from '@zerog/proto/storage'
import type { StorageNode } from '../../../app/node/storage-node.ts'
import { deleteSegments } from './delete-segments.ts'
import { getSegments } from './get-segments.ts'
import { getStats } from './get-stats.ts'
import { issueReceipt } from './issue-receipt.ts'
import { listSegments } from './list-segments.ts'
import { putSegments } from './put-segments.ts'

export function serveStorageNode(rpc: Rpc, node: StorageNode): void {
  rpc.serve(StorageNodeServiceDefinition, {
    putSegments: putSegments(node),
    getSegments: getSegments(node),
    listSegments: listSegments(node),
    deleteSegments: deleteSegments(node),
    issueReceipt: issueReceipt(node),
    getStats: getStats(node),
  })
}
