import type { Endpoint } from '@zerog/ports'
import { StorageServiceDefinition } from '@zerog/proto/storage'
import type { StorageGateway } from '../../../app/gateway/storage-gateway.ts'
import { decodeFileRef, decodeInteger, toWire } from '../segment-codec.ts'
import { STORAGE_CALLERS } from './callers.ts'

const method = StorageServiceDefinition.methods.readFile

export function readFile(gateway: StorageGateway): Endpoint<typeof method> {
  return {
    method,
    allow: STORAGE_CALLERS,
    async *handle(request, { signal }) {
      const offset = decodeInteger(request.offset, 'offset')
      const length = request.length === 0n ? undefined : decodeInteger(request.length, 'length')
      for await (const chunk of gateway.read(decodeFileRef(request.file), { offset, length }, signal))
        yield { chunk: toWire(chunk) }
    },
  }
}
