import { createHash, type Hash } from 'node:crypto'
import { LIMITS } from './limits.ts'

/** The story of a run: a SHA-256 over every line, and the last lines for whoever has to understand a failure. */
export class Audit {
  readonly #hash: Hash = createHash('sha256')
  readonly #recent: string[] = []
  readonly #trace: ((line: string) => void) | undefined
  #count = 0

  constructor(trace?: (line: string) => void) {
    this.#trace = trace
  }

  record(timeUs: number, who: string, kind: string, detail: string): void {
    const line = `${(timeUs / 1_000).toFixed(3)} ${who} ${kind}${detail === '' ? '' : ` ${detail}`}`
    this.#hash.update(`${line}\n`)
    this.#recent[this.#count % LIMITS.eventsRecentMax] = line
    this.#count++
    this.#trace?.(line)
  }

  /** 16 hexadecimal digits of the hash so far: enough to compare two runs. */
  hash(): string {
    return this.#hash.copy().digest('hex').slice(0, 16)
  }

  /** Oldest first. */
  recent(): string[] {
    const split = this.#count % LIMITS.eventsRecentMax
    return this.#count < LIMITS.eventsRecentMax
      ? [...this.#recent]
      : [...this.#recent.slice(split), ...this.#recent.slice(0, split)]
  }
}
