import type { Clock, Logger } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'

const PAUSE_FIRST_MS = 20
const PAUSE_MAX_MS = 2_000

/** Repeats a write until it succeeded: what it records has happened. FENCED, WRONG_STATE and the end of `signal` are final. */
export async function persist<T>(
  what: string,
  write: () => Promise<T>,
  deps: { readonly clock: Clock; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<T> {
  for (let pauseMs = PAUSE_FIRST_MS; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS)) {
    deps.signal.throwIfAborted()
    try {
      return await write()
    } catch (error) {
      if (isFinal(error) || deps.signal.aborted) throw error
      deps.logger.warn('write_repeated', { what, error: String(error) })
      await deps.clock.sleep(pauseMs, deps.signal)
    }
  }
}

function isFinal(error: unknown): boolean {
  return error instanceof ZerogError && (error.reason === 'FENCED' || error.reason === 'WRONG_STATE')
}
