import type { EncoderEvent, EncodeTask } from '../encoder/encoder.ts'

/** Any encoder of the installation, the next one each time. Ends when every member answered. */
export type EncoderClient = (
  task: EncodeTask,
  /** The bundle, in order. */
  pieces: readonly Uint8Array[],
  signal: AbortSignal,
) => AsyncIterable<EncoderEvent>
