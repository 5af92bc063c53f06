import type { Clock, Logger, Meter } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'

/** The contract that begins epochs when somebody asks it to. */
export type EpochRegistry = {
  encode(): { readonly to: Hex; readonly data: Hex }
  /** Blocks since anybody may begin the next epoch, counted for the next block; undefined while nobody may. */
  overdueBlocks(): Promise<bigint | undefined>
}

export type EpochKeeper = {
  /** Looks at the registry until `signal` aborts, and pokes whoever sends transactions when there is something to send. */
  hold(poke: () => void, signal: AbortSignal): Promise<void>
  /** Whether an epoch is to begin now; true once per look. */
  take(): Promise<boolean>
  encode: EpochRegistry['encode']
}

/**
 * Begins epochs through the account that pays for certificates, as one of its transactions: a second sender would compete for its nonces.
 * Whoever holds the keeper's lease looks; a transaction that somebody else was faster with reverts and costs its gas.
 */
export function createEpochKeeper(
  options: { readonly epochCheckMs: number },
  deps: { readonly registry: EpochRegistry; readonly clock: Clock; readonly logger: Logger; readonly meter: Meter },
): EpochKeeper {
  const { registry, clock, logger, meter } = deps
  let wanted = false
  let overdue = 0
  meter.gauge({
    name: 'zerog_da_epoch_overdue_blocks',
    help: 'Blocks since the next epoch could have begun, at the process that keeps epochs.',
    read: () => overdue,
  })
  const begun = meter.counter({ name: 'zerog_da_epochs_begun_total', help: 'Epochs that this process asked the registry for.' })

  async function look(): Promise<boolean> {
    const blocks = await registry.overdueBlocks()
    overdue = Number(blocks ?? 0n)
    return blocks !== undefined
  }

  return {
    encode: () => registry.encode(),
    async hold(poke, signal) {
      while (!signal.aborted) {
        try {
          wanted = await look()
          if (wanted) poke()
        } catch (error) {
          if (!signal.aborted) logger.warn('job_failed', { job: 'da_epoch', error: String(error) })
        }
        await clock.sleep(options.epochCheckMs, signal).catch(() => {})
      }
      wanted = false
      overdue = 0
    },
    async take() {
      if (!wanted) return false
      wanted = false
      // The look may be older than the transaction that began the epoch.
      if (!(await look())) return false
      begun.add(1)
      return true
    },
  }
}
