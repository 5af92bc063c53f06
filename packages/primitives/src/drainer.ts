export type Drainer = {
  /** There is work: served by the run that goes on, or by a new one that begins after this turn of the event loop. */
  wake(): void
  /** Resolves when nothing runs. */
  idle(): Promise<void>
}

/**
 * One worker for a queue: `step` after `step` while there is work. A run ends in the very turn in which it finds none, so work that
 * comes while the last step's callers are told is never left to a run that is over.
 * @param queue.step takes its own failures; what it throws ends the process as any unhandled rejection does
 */
export function drainer(queue: { readonly hasWork: () => boolean; readonly step: () => Promise<void> }): Drainer {
  let running: Promise<void> | undefined

  async function run(): Promise<void> {
    try {
      // What comes in the same turn shares the first step.
      await Promise.resolve()
      while (queue.hasWork()) await queue.step()
    } finally {
      running = undefined
    }
  }

  return {
    wake() {
      running ??= run()
    },
    async idle() {
      while (running !== undefined) await running
    },
  }
}
