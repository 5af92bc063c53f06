import type { Rpc } from '@zerog/ports'
import { EncoderServiceDefinition } from '@zerog/proto/da'
import type { EncoderDeps } from '../../../app/encoder/encoder.ts'
import { disperseBundle } from './disperse-bundle.ts'

export function serveEncoder(rpc: Rpc, deps: EncoderDeps): void {
  rpc.serve(EncoderServiceDefinition, { disperseBundle: disperseBundle(deps) })
}
