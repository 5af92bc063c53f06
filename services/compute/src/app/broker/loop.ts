import type { Clock, Leases, Logger } from '@zerog/ports'

export type Loop = {
  readonly name: string
  readonly intervalMs: number
  readonly run: (signal: AbortSignal) => Promise<unknown>
}

type Deps = { readonly clock: Clock; readonly logger: Logger; readonly signal: AbortSignal }

/** Runs a task again and again until the signal aborts; a failure is logged and the next round comes. Resolves after the last one. */
export async function runLoop({ name, intervalMs, run }: Loop, { clock, logger, signal }: Deps): Promise<void> {
  while (!signal.aborted) {
    try {
      await run(signal)
    } catch (error) {
      if (!signal.aborted) logger.warn('job_failed', { job: name, error })
    }
    await clock.sleep(intervalMs, signal).catch(() => {})
  }
}

/** The same by one process at a time, which gets the fencing token of its lease. */
export async function runLeased(
  loop: Omit<Loop, 'run'> & { readonly run: (token: bigint, signal: AbortSignal) => Promise<unknown> },
  deps: Deps & {
    readonly leases: Leases
    readonly holder: string
    readonly ttlMs: number
    readonly onLead?: (leads: boolean) => void
  },
): Promise<void> {
  const { clock, logger, signal, leases, holder, ttlMs } = deps
  while (!signal.aborted) {
    const lease = await leases.tryAcquire({ name: loop.name, holder, ttlMs }).catch((error: unknown) => {
      logger.warn('lease_failed', { lease: loop.name, error })
      return undefined
    })
    if (lease === undefined) {
      await clock.sleep(ttlMs / 2, signal).catch(() => {})
      continue
    }
    deps.onLead?.(true)
    try {
      const run = (inner: AbortSignal) => loop.run(lease.token, inner)
      await runLoop({ ...loop, run }, { clock, logger, signal: AbortSignal.any([signal, lease.lost]) })
    } finally {
      deps.onLead?.(false)
      await lease.release().catch(() => {})
    }
  }
}
