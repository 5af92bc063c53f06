/** From callbacks to one reader, in order. For few items: nothing bounds it but what the writers do. */
export type Channel<T> = {
  readonly push: (item: T) => void
  readonly end: () => void
  readonly items: AsyncIterable<T>
}

export function createChannel<T>(): Channel<T> {
  const waiting: T[] = []
  let ended = false
  let wake = () => {}
  async function* read(): AsyncGenerator<T> {
    for (;;) {
      while (waiting.length > 0) yield waiting.shift() as T // the length was checked
      if (ended) return
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return {
    push(item) {
      waiting.push(item)
      wake()
    },
    end() {
      ended = true
      wake()
    },
    items: read(),
  }
}
