import { recordLength } from './format.ts'
import type { IndexTable } from './index-table.ts'

/** How full each segment is with records that count. */
export class SpaceTable {
  readonly #live = new Map<number, number>()

  static of(index: IndexTable): SpaceTable {
    const space = new SpaceTable()
    for (const [key, { segment, valueLength }] of index.entries()) space.add(segment, recordLength(key.length, valueLength))
    return space
  }

  add(segment: number, bytes: number): void {
    this.#live.set(segment, (this.#live.get(segment) ?? 0) + bytes)
  }

  live(segment: number): number {
    return this.#live.get(segment) ?? 0
  }

  forget(segment: number): void {
    this.#live.delete(segment)
  }
}
