/**
 * Works on at most `window` items of a source at once. After the first failure nothing further is taken, what runs is waited for, and the
 * failure is thrown.
 */
export async function forEachInWindow<Item>(
  source: AsyncIterable<Item>,
  options: { readonly window: number; readonly signal: AbortSignal },
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  for await (const item of source) {
    options.signal.throwIfAborted()
    const task: Promise<void> = work(item)
      .catch((error) => {
        failure ??= { error }
      })
      .finally(() => running.delete(task))
    running.add(task)
    while (running.size >= options.window) await Promise.race(running)
    if (failure !== undefined) break
  }
  await Promise.all(running)
  if (failure !== undefined) throw failure.error
}
