import { DisperseRequest, DisperserServiceDefinition } from '@zerog/proto/da'
import { chunkCodec } from '../chunk-codec.ts'

const { methods } = DisperserServiceDefinition

/** The generated service, whose chunks are not copied by encoding and decoding. */
export const disperserService = {
  ...DisperserServiceDefinition,
  methods: { ...methods, disperse: { ...methods.disperse, requestType: chunkCodec<DisperseRequest>(DisperseRequest) } },
} as const
