import type { Endpoint } from '@zerog/ports'
import { StorageServiceDefinition } from '@zerog/proto/storage'
import type { StorageGateway } from '../../../app/gateway/storage-gateway.ts'
import { forEachInWindow } from '../../../app/window.ts'
import { UPLOAD_WINDOW } from '../../../limits.ts'
import { decodeInteger, decodeSegment } from '../segment-codec.ts'
import { STORAGE_CALLERS } from './callers.ts'

const method = StorageServiceDefinition.methods.uploadSegments

export function uploadSegments(gateway: StorageGateway): Endpoint<typeof method> {
  return {
    method,
    allow: STORAGE_CALLERS,
    async handle(requests, { signal }) {
      const counts = { stored: 0, duplicate: 0 }
      await forEachInWindow(requests, { window: UPLOAD_WINDOW, signal }, async (request) => {
        const txSeq = request.txSeq === undefined ? undefined : decodeInteger(request.txSeq, 'tx_seq')
        counts[await gateway.upload({ segment: decodeSegment(request.segment), txSeq, signal })]++
      })
      return { storedCount: counts.stored, duplicateCount: counts.duplicate }
    },
  }
}
