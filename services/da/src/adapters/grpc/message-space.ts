import { MESSAGE_SPACES_KEPT_MAX, ROWS_MESSAGE_SPACE_BYTES } from '../../core/disperser/limits.ts'

/**
 * Memory of messages that were sent, for the next ones, shared by the process: fresh memory is cleared page by page and is garbage afterwards,
 * 17 MB for a bundle of 4 MiB (ADR 0161).
 */
const kept: Buffer[] = []

/** Memory for the messages of one call. */
export type MessageSpace = {
  /** Not cleared. */
  readonly take: (bytes: number) => Buffer
  /** When nobody looks at the messages any more. */
  readonly giveBack: () => void
}

export function messageSpace(): MessageSpace {
  const taken: Buffer[] = []
  return {
    take(bytes) {
      if (bytes > ROWS_MESSAGE_SPACE_BYTES) return Buffer.allocUnsafe(bytes)
      const space = kept.pop() ?? Buffer.allocUnsafeSlow(ROWS_MESSAGE_SPACE_BYTES)
      taken.push(space)
      return space
    },
    giveBack() {
      for (const space of taken.splice(0)) if (kept.length < MESSAGE_SPACES_KEPT_MAX) kept.push(space)
    },
  }
}
