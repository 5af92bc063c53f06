import { writeSync } from 'node:fs'

export type ProcessEvents = { readonly stop: () => void }

/**
 * Turns what happens to the process into calls. The second signal does not wait: it ends the process with 128 + its number. What
 * nobody caught leaves the state unknown, so the process ends at once with one line; acknowledged data is durable by then.
 */
export function watchProcess(options: {
  readonly dieWithParent: boolean
  readonly onStop: (why: string) => void
}): ProcessEvents {
  const { onStop } = options
  // Targets without a server or timer would let the process end by itself.
  const alive = setInterval(() => {}, 2 ** 31 - 1)
  const undo: (() => void)[] = [() => clearInterval(alive)]
  const on = (event: string, listener: (...args: any[]) => void) => {
    // Node types each event by itself; these are signals and documented events.
    process.on(event as 'SIGTERM', listener)
    undo.push(() => process.off(event as 'SIGTERM', listener))
  }

  let signals = 0
  for (const [signal, number] of [
    ['SIGTERM', 15],
    ['SIGINT', 2],
  ] as const) {
    on(signal, () => {
      signals++
      if (signals === 1) return onStop(signal)
      process.exit(128 + number)
    })
  }
  const crash = (kind: string) => (error: unknown) => {
    writeLine(
      `zerog: ${kind}: ${error instanceof Error ? (error.stack ?? error.message).replaceAll('\n', ' | ') : String(error)}`,
    )
    process.exit(1)
  }
  on('uncaughtException', crash('uncaught exception'))
  on('unhandledRejection', crash('unhandled rejection'))

  if (options.dieWithParent) {
    // The launcher alone holds the other end of stdin (or the IPC channel). However it dies, the kernel closes it.
    const orphaned = () => onStop('the launcher died')
    process.stdin.on('end', orphaned).on('close', orphaned).on('error', orphaned).resume()
    undo.push(() => process.stdin.off('end', orphaned).off('close', orphaned).off('error', orphaned).pause())
    if (process.connected === true) on('disconnect', orphaned)
  }
  return {
    stop() {
      for (const forget of undo.splice(0)) forget()
    },
  }
}

/** Synchronously, so that it is out before the process ends. */
export function writeLine(line: string): void {
  try {
    writeSync(2, `${line}\n`)
  } catch {
    // Nobody reads stderr any more.
  }
}
