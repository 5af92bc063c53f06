import { ZerogError } from '@zerog/primitives'

/** Joins calls that come while an earlier one runs into the next one: many callers, one query at a time. */
export function batcher<In, Out>(
  run: (inputs: readonly In[]) => Promise<readonly Out[]>,
  limits: { readonly batchMax: number; readonly waitingMax: number },
): (input: In) => Promise<Out> {
  type Waiting = { readonly input: In; readonly resolve: (out: Out) => void; readonly reject: (error: unknown) => void }
  const waiting: Waiting[] = []
  let running = false

  async function work(): Promise<void> {
    running = true
    while (waiting.length > 0) {
      const batch = waiting.splice(0, limits.batchMax)
      try {
        const outs = await run(batch.map(({ input }) => input))
        for (const [index, one] of batch.entries()) one.resolve(outs[index] as Out) // one answer per input
      } catch (error) {
        for (const one of batch) one.reject(error)
      }
    }
    running = false
  }

  return (input) => {
    if (waiting.length >= limits.waitingMax) {
      const metadata = { waiting: String(waiting.length) }
      return Promise.reject(
        new ZerogError('QUEUE_FULL', { message: 'too many wait already; try again in a second', metadata, retryAfterMs: 1000 }),
      )
    }
    return new Promise((resolve, reject) => {
      waiting.push({ input, resolve, reject })
      if (!running) void work()
    })
  }
}
