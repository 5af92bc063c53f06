import type { Rpc } from '@zerog/ports'
import type { EncoderDeps } from '../../../app/encoder/encoder.ts'
import { disperseBundle } from './disperse-bundle.ts'
import { encoderService } from './service.ts'

export function serveEncoder(rpc: Rpc, deps: EncoderDeps): void {
  rpc.serve(encoderService, { disperseBundle: disperseBundle(deps) })
}
