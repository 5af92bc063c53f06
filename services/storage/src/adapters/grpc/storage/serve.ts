import type { Rpc } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import { StorageServiceDefinition } from '@zerog/proto/storage'
import type { StorageGateway } from '../../../app/gateway/storage-gateway.ts'
import { getFile } from './get-file.ts'
import { getFlowContext } from './get-flow-context.ts'
import { getFlowSegment } from './get-flow-segment.ts'
import { getSectorProof } from './get-sector-proof.ts'
import { getStatus } from './get-status.ts'
import { listNodes } from './list-nodes.ts'
import { listReceipts } from './list-receipts.ts'
import { readFile } from './read-file.ts'
import { readSegments } from './read-segments.ts'
import { uploadSegments } from './upload-segments.ts'

export function serveStorage(
  rpc: Rpc,
  gateway: StorageGateway,
  network: { readonly chainId: number; readonly flowAddress: Hex },
): void {
  rpc.serve(StorageServiceDefinition, {
    uploadSegments: uploadSegments(gateway),
    readFile: readFile(gateway),
    readSegments: readSegments(gateway),
    getFile: getFile(gateway),
    listReceipts: listReceipts(gateway),
    getStatus: getStatus(gateway, network),
    listNodes: listNodes(gateway),
    getFlowContext: getFlowContext(gateway),
    getSectorProof: getSectorProof(gateway),
    getFlowSegment: getFlowSegment(gateway),
  })
}
