import { throwIfCancelled } from '../errors.ts'

/**
 * Runs `work` for 0 to count-1 with at most `limit` at a time. The first failure stops the start of further work, waits for
 * what runs, and is thrown.
 */
export async function forEachBounded(
  count: number,
  options: { readonly limit: number; readonly signal?: AbortSignal },
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  let failure: { readonly error: unknown } | undefined
  const worker = async (): Promise<void> => {
    while (next < count && failure === undefined) {
      const index = next++
      try {
        throwIfCancelled(options.signal)
        await work(index)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(options.limit, count) }, worker))
  if (failure !== undefined) throw failure.error
}

/** Results of `work` for `first` to `last` in order, with at most `limit` running ahead of the reader. */
export async function* inOrder<T>(
  range: { readonly first: number; readonly last: number },
  limit: number,
  work: (index: number) => Promise<T>,
): AsyncGenerator<T, void, undefined> {
  const running: Promise<T>[] = []
  let next = range.first
  const start = (): void => {
    const task = work(next++)
    task.catch(() => {})
    running.push(task)
  }
  while (next <= range.last && running.length < limit) start()
  for (let task = running.shift(); task !== undefined; task = running.shift()) {
    const value = await task
    if (next <= range.last) start()
    yield value
  }
}
