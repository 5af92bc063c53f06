import { DisperseBundleRequest, EncoderServiceDefinition } from '@zerog/proto/da'
import { chunkCodec } from '../chunk-codec.ts'

const { methods } = EncoderServiceDefinition

/** The generated service, whose chunks are not copied by encoding and decoding. */
export const encoderService = {
  ...EncoderServiceDefinition,
  methods: {
    ...methods,
    disperseBundle: { ...methods.disperseBundle, requestType: chunkCodec<DisperseBundleRequest>(DisperseBundleRequest) },
  },
} as const
