import type { Clock, Logger, Meter } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { Engine } from '../../../app/worker/engine.ts'
export function integerEngine(
  _options: { readonly bytes: Uint8Array; readonly root: Uint8Array },
  _deps: { readonly clock: Clock; readonly logger: Logger; readonly meter: Meter },
): Promise<Engine> {
  throw new ZerogError('UNIMPLEMENTED', { message: 'the integer engine is not there yet' })
}
