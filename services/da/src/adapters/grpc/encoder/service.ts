import { DisperseBundleRequest, EncoderServiceDefinition } from '@zerog/proto/da'
import { chunkCodec } from '../chunk-codec.ts'
import { toWire } from '../statement-codec.ts'

const { methods } = EncoderServiceDefinition

/** The generated service, whose chunks are not copied by encoding and decoding. */
export const encoderService = {
  ...EncoderServiceDefinition,
  methods: {
    ...methods,
    disperseBundle: { ...methods.disperseBundle, requestType: chunkCodec<DisperseBundleRequest>(DisperseBundleRequest) },
  },
} as const

/** The same for a caller who has written its messages already. */
export const writtenEncoderService = {
  ...encoderService,
  methods: {
    ...encoderService.methods,
    disperseBundle: {
      ...encoderService.methods.disperseBundle,
      requestType: { encode: (message: Uint8Array) => ({ finish: () => message }), decode: toWire },
    },
  },
} as const
