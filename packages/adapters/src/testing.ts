import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '@zerog/ports'

/** UTF-8 in memory of its own, so that it equals any other Uint8Array of the same bytes. */
export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text))
}

/** A fresh folder with mode 0700 and what removes it. */
export function temporaryFolder(label: string): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), `zerog-${label}-`))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** A clock that stands still until `pass` is called; it runs what is due in order and lets promises settle in between. */
export function manualClock(): { readonly clock: Clock; readonly pass: (ms: number) => Promise<void> } {
  let now = 1_700_000_000_000
  let order = 0
  const timers = new Set<{ readonly atMs: number; readonly order: number; readonly task: () => void }>()
  const after: Clock['after'] = (delayMs, task) => {
    const timer = { atMs: now + Math.max(0, delayMs), order: order++, task }
    timers.add(timer)
    return () => {
      timers.delete(timer)
    }
  }
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
  return {
    clock: {
      nowMs: () => now,
      monotonicMs: () => now,
      after,
      sleep: (delayMs, signal) =>
        new Promise((resolve, reject) => {
          signal?.throwIfAborted()
          after(delayMs, resolve)
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
        }),
    },
    async pass(ms) {
      const endMs = now + ms
      await settle()
      for (;;) {
        const [next] = [...timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs || a.order - b.order)
        if (next === undefined) break
        timers.delete(next)
        now = Math.max(now, next.atMs)
        next.task()
        await settle()
      }
      now = endMs
      await settle()
    },
  }
}

/** Collects what handlers and signals tell, and waits for it without sleeping. */
export class Inbox<T> {
  readonly items: T[] = []
  #waiting: { readonly count: number; readonly resolve: () => void }[] = []

  readonly add = (item: T): void => {
    this.items.push(item)
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (this.items.length < count) return true
      resolve()
      return false
    })
  }

  /** Resolves when at least `count` items came; rejects after 15 s with what did come. */
  async until(count: number): Promise<readonly T[]> {
    if (this.items.length < count) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`${this.items.length} of ${count} came: ${JSON.stringify(this.items)}`)),
          15_000,
        )
        this.#waiting.push({
          count,
          resolve: () => {
            clearTimeout(timer)
            resolve()
          },
        })
      })
    }
    return this.items
  }
}
