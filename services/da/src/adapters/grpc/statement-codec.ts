import type { Statement } from '@zerog/availability'
import { ZerogError } from '@zerog/primitives'
import type { Bundle } from '@zerog/proto/da'

const HASH_BYTES = 32

export function encodeStatement(statement: Statement): Bundle {
  const { k, n, rowBytes, payloadBytes, epoch, committee, expiry } = statement
  return { commitment: toWire(statement.commitment), k, n, rowBytes, payloadBytes, epoch, committee, expiry }
}

/** Form only: whether the layout is the network's is `checkStatement`. @throws ZerogError INVALID_ARGUMENT */
export function decodeStatement(bundle: Bundle | undefined): Statement {
  if (bundle === undefined) throw invalid('bundle', 'a bundle is missing')
  if (bundle.commitment.length !== HASH_BYTES) throw invalid('commitment', 'a commitment has 32 bytes')
  const { commitment, k, n, rowBytes, payloadBytes, epoch, committee, expiry } = bundle
  return { commitment, k, n, rowBytes, payloadBytes, epoch, committee, expiry }
}

/** ts-proto wants a Buffer; this is one over the same memory. */
export function toWire(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function invalid(parameter: string, message: string): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', { message, metadata: { parameter } })
}
