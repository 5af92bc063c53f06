import type { Clock, Logger } from '@zerog/ports'

/** Runs a task again and again until the signal aborts; a failure is logged and the next round comes. Resolves after the last one. */
export async function runLoop(
  loop: {
    readonly name: string
    /** Before the first round; as long as the others unless given. */
    readonly firstMs?: number
    readonly intervalMs: number
    readonly run: (signal: AbortSignal) => Promise<unknown>
  },
  deps: { readonly clock: Clock; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<void> {
  const { clock, logger, signal } = deps
  for (let delayMs = loop.firstMs ?? loop.intervalMs; !signal.aborted; delayMs = loop.intervalMs) {
    await clock.sleep(delayMs, signal).catch(() => {})
    if (signal.aborted) return
    try {
      await loop.run(signal)
    } catch (error) {
      if (!signal.aborted) logger.warn('job_failed', { job: loop.name, error: String(error) })
    }
  }
}
