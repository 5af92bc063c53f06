/** A bounded hand-over from a socket to a stream: pushes until `full`, then the reader says when to go on. */
export type FrameQueue<T> = AsyncIterable<T> & {
  readonly push: (item: T) => void
  readonly end: () => void
  readonly length: () => number
}

export function createFrameQueue<T>(onTaken: () => void): FrameQueue<T> {
  const items: T[] = []
  let ended = false
  let wake: (() => void) | undefined

  const wakeUp = (): void => {
    wake?.()
    wake = undefined
  }

  return {
    push: (item) => {
      if (ended) return
      items.push(item)
      wakeUp()
    },
    end: () => {
      ended = true
      wakeUp()
    },
    length: () => items.length,
    async *[Symbol.asyncIterator]() {
      while (true) {
        const item = items.shift()
        if (item !== undefined) {
          onTaken()
          yield item
        } else if (ended) {
          return
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    },
  }
}
