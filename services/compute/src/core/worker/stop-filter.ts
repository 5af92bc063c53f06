/**
 * Cuts text at the first of the stop sequences, wherever the pieces are cut. Text that may be the beginning of a stop is held back.
 * Where several end at the same piece the earliest start wins, as in a search over the whole text.
 */
export type StopFilter = {
  /** What may be shown now, and whether a stop was reached: then the answer ends. */
  push(text: string): { readonly text: string; readonly stopped: boolean }
  /** What was held back, when nothing follows. */
  flush(): { readonly text: string; readonly stopped: boolean }
}

export function createStopFilter(stops: readonly string[]): StopFilter {
  let held = ''
  return {
    push(text) {
      if (stops.length === 0) return { text, stopped: false }
      const joined = held + text
      const starts = stops.map((stop) => joined.indexOf(stop)).filter((start) => start >= 0)
      const keep = heldLength(joined, stops)
      if (starts.length > 0) {
        const start = Math.min(...starts)
        // An earlier beginning of a longer stop may still complete: "ab" of "abcd" before a whole "b".
        if (joined.length - keep >= start || keep === 0) {
          held = ''
          return { text: joined.slice(0, start), stopped: true }
        }
      }
      held = joined.slice(joined.length - keep)
      return { text: joined.slice(0, joined.length - keep), stopped: false }
    },
    flush() {
      const rest = held
      held = ''
      const starts = stops.map((stop) => rest.indexOf(stop)).filter((start) => start >= 0)
      return starts.length === 0 ? { text: rest, stopped: false } : { text: rest.slice(0, Math.min(...starts)), stopped: true }
    },
  }
}

/** Length of the longest end of `text` with which a stop may begin. */
function heldLength(text: string, stops: readonly string[]): number {
  let longest = 0
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length
    }
  }
  return longest
}
