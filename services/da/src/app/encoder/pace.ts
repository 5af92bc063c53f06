import type { Clock } from '@zerog/ports'

/** Resolves when it is the caller's turn, with what ends the turn. In the order of the calls. */
export type Pace = () => Promise<() => void>

/**
 * Lets `lanes` go at once, and another one whenever a turn ends or has taken `patienceMs`: whoever is slow keeps his lane no longer than that.
 * A certificate needs two thirds of the members, and where they share a wire or a processor, ten at once all end last.
 */
export function createPace(
  rules: { readonly lanes: number; readonly patienceMs: number },
  clock: Pick<Clock, 'after' | 'sleep'>,
): Pace {
  const waiting: (() => void)[] = []
  let free = rules.lanes
  let begun: Promise<void> | undefined
  const pass = (): void => {
    const next = waiting.shift()
    if (next === undefined) free++
    else next()
  }
  return async () => {
    if (free > 0) {
      free--
      // Each in a turn of the event loop of its own: in lock-step the first rows would be on their way when those of all lanes are.
      begun = begun === undefined ? Promise.resolve() : begun.then(() => clock.sleep(0))
      await begun
    } else await new Promise<void>((resolve) => waiting.push(resolve))
    let ended = false
    const end = (): void => {
      if (ended) return
      ended = true
      cancel()
      pass()
    }
    const cancel = clock.after(rules.patienceMs, end)
    return end
  }
}
