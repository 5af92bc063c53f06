import type { Endpoint } from '@zerog/ports'
import { StorageNodeServiceDefinition } from '@zerog/proto/storage'
import type { StorageNode } from '../../../app/node/storage-node.ts'
import { forEachInWindow } from '../../../app/window.ts'
import { UPLOAD_WINDOW } from '../../../limits.ts'
import { decodeSegment } from '../segment-codec.ts'

const method = StorageNodeServiceDefinition.methods.putSegments

export function putSegments(node: StorageNode): Endpoint<typeof method> {
  return {
    method,
    allow: ['storage-gateway'],
    async handle(requests, { signal }) {
      let storedCount = 0
      await forEachInWindow(requests, { window: UPLOAD_WINDOW, signal }, async (request) => {
        await node.put(decodeSegment(request.segment), { repair: request.repair })
        storedCount++
      })
      return { storedCount }
    },
  }
}
