export type Pipe<T> = {
  /** Resolves true when there is room for the next item, false when the reader is gone. One writer at a time. */
  readonly write: (item: T) => Promise<boolean>
  /** The reader ends after the items that are already inside. */
  readonly end: () => void
  /** The reader throws `error` after the items that are already inside. */
  readonly fail: (error: unknown) => void
  /** The reader throws `error` at once; what is inside is dropped. */
  readonly abort: (error: unknown) => void
  /** For one reader, once. */
  readonly readable: AsyncIterable<T>
}

/** A bounded queue between one writer and one reader: a slow reader stops the writer. Holds at most the window and one item more. */
export function createPipe<T>(window: {
  readonly bytes: number
  readonly items: number
  readonly sizeOf: (item: T) => number
}): Pipe<T> {
  const items: T[] = []
  let bytes = 0
  let finished: { readonly error?: unknown } | undefined
  let readerGone = false
  let wakeReader = () => {}
  let wakeWriter = () => {}

  const full = () => bytes >= window.bytes || items.length >= window.items

  function finish(how: { readonly error?: unknown }) {
    finished ??= how
    wakeReader()
    wakeWriter()
  }

  async function* read(): AsyncGenerator<T> {
    try {
      for (;;) {
        while (items.length > 0) {
          const item = items.shift() as T // the length was checked above
          bytes -= window.sizeOf(item)
          wakeWriter()
          yield item
        }
        if (finished !== undefined) {
          if ('error' in finished) throw finished.error
          return
        }
        await new Promise<void>((resolve) => {
          wakeReader = resolve
        })
      }
    } finally {
      readerGone = true
      items.length = 0
      bytes = 0
      wakeWriter()
    }
  }

  return {
    async write(item) {
      if (readerGone || finished !== undefined) return false
      items.push(item)
      bytes += window.sizeOf(item)
      wakeReader()
      while (full() && !readerGone && finished === undefined) {
        await new Promise<void>((resolve) => {
          wakeWriter = resolve
        })
      }
      return !readerGone && finished === undefined
    },
    end: () => finish({}),
    fail: (error) => finish({ error }),
    abort(error) {
      items.length = 0
      bytes = 0
      finished = { error }
      finish({ error })
    },
    readable: { [Symbol.asyncIterator]: read },
  }
}
