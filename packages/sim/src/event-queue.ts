/** What an event belongs to: events of a dead owner vanish, those of a paused one wait. */
export type Owner = {
  readonly name: string
  readonly alive: boolean
  /** Where events go while the owner is paused; undefined while it runs. */
  readonly parked: SimEvent[] | undefined
}

export type SimEvent = {
  readonly timeUs: number
  /** Random: decides between events that are due at the same time. */
  readonly tie: number
  readonly sequence: number
  readonly owner: Owner | undefined
  readonly kind: string
  readonly detail: string
  readonly run: () => void
  cancelled: boolean
}

/** A binary heap by (time, tie, sequence). */
export class EventQueue {
  readonly #heap: SimEvent[] = []

  get size(): number {
    return this.#heap.length
  }

  /** What `pop` would give. */
  peek(): SimEvent | undefined {
    return this.#heap[0]
  }

  push(event: SimEvent): void {
    const heap = this.#heap
    let index = heap.push(event) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isBefore(event, heap[parent] as SimEvent)) break
      heap[index] = heap[parent] as SimEvent
      index = parent
    }
    heap[index] = event
  }

  pop(): SimEvent | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as SimEvent, heap[child] as SimEvent)) child++
      if (!isBefore(heap[child] as SimEvent, last)) break
      heap[index] = heap[child] as SimEvent
      index = child
    }
    heap[index] = last
    return first
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  if (a.timeUs !== b.timeUs) return a.timeUs < b.timeUs
  if (a.tie !== b.tie) return a.tie < b.tie
  return a.sequence < b.sequence
}
