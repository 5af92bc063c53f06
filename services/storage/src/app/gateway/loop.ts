import type { Clock, Leases, Logger } from '@zerog/ports'

export type Loop = {
  readonly name: string
  readonly intervalMs: number
  readonly run: (signal: AbortSignal) => Promise<unknown>
}

/** Runs a task again and again until the signal aborts; a failure is logged and the next round comes. Resolves after the last one. */
export async function runLoop(
  loop: Loop,
  deps: { readonly clock: Clock; readonly logger: Logger; readonly signal: AbortSignal },
) {
  const { clock, logger, signal } = deps
  while (!signal.aborted) {
    try {
      await loop.run(signal)
    } catch (error) {
      if (!signal.aborted) logger.warn('job_failed', { job: loop.name, error: String(error) })
    }
    await clock.sleep(loop.intervalMs, signal).catch(() => {})
  }
}

/** The same by one process at a time: whoever gets the lease works until it is lost. */
export async function runLoopUnderLease(
  loop: Loop,
  deps: {
    readonly clock: Clock
    readonly logger: Logger
    readonly signal: AbortSignal
    readonly leases: Leases
    readonly holder: string
    readonly ttlMs: number
  },
) {
  const { clock, signal, leases, holder, ttlMs } = deps
  while (!signal.aborted) {
    const lease = await leases.tryAcquire({ name: loop.name, holder, ttlMs }).catch(() => undefined)
    if (lease === undefined) {
      await clock.sleep(ttlMs / 2, signal).catch(() => {})
      continue
    }
    try {
      await runLoop(loop, { ...deps, signal: AbortSignal.any([signal, lease.lost]) })
    } finally {
      await lease.release().catch(() => {})
    }
  }
}
