import { Worker } from 'node:worker_threads'
import type { Clock, Logger } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'
import type { EngineEvent } from '../../../app/worker/engine.ts'
import { LIMITS } from '../../../limits.ts'
import type { FromThread, StartMessage, ThreadData, ToThread } from './messages.ts'

export type EngineThread = {
  /** Answers that run or are about to. */
  readonly busy: number
  readonly alive: boolean
  readonly memoryBytes: number
  generate(request: Omit<StartMessage, 'kind' | 'id'>, signal: AbortSignal): AsyncIterable<EngineEvent>
  close(): Promise<void>
}

type Answer = { push(event: EngineEvent): void; fail(error: unknown): void }

/** A thread with one engine. When it dies its answers fail and it is started again. */
export async function startThread(
  data: ThreadData,
  deps: { readonly clock: Clock; readonly logger: Logger },
): Promise<EngineThread> {
  const { clock, logger } = deps
  const answers = new Map<number, Answer>()
  let next = 1
  let closing = false
  let memoryBytes = 0
  let worker: Worker | undefined

  function open(): Promise<void> {
    return new Promise((resolve, reject) => {
      const started = new Worker(new URL('./integer-worker.ts', import.meta.url), { workerData: data })
      started.on('message', (message: FromThread) => {
        if (message.kind === 'ready') {
          memoryBytes = message.memoryBytes
          worker = started
          resolve()
        } else receive(message)
      })
      started.once('error', (error) => {
        reject(error)
        logger.error('engine_thread_failed', { error })
      })
      started.once('exit', () => {
        const wasReady = worker === started
        worker = undefined
        for (const answer of answers.values()) answer.fail(died())
        answers.clear()
        if (wasReady && !closing) clock.after(LIMITS.worker.threadRestartMs, () => void open().catch(() => {}))
      })
    })
  }

  function receive(message: Exclude<FromThread, { kind: 'ready' }>): void {
    if (message.kind === 'failed') {
      answers.get(message.id)?.fail(new ZerogError('INVALID_ARGUMENT', { message: message.message }))
      return
    }
    for (const { id, event } of message.events) answers.get(id)?.push(event)
  }

  async function* generate(request: Omit<StartMessage, 'kind' | 'id'>, signal: AbortSignal): AsyncGenerator<EngineEvent> {
    if (worker === undefined) throw died()
    const thread = worker
    const id = next++
    const events: EngineEvent[] = []
    let failure: { readonly error: unknown } | undefined
    let wake = Promise.withResolvers<void>()
    const fail = (error: unknown) => {
      failure ??= { error }
      wake.resolve()
    }
    answers.set(id, {
      push(event) {
        events.push(event)
        wake.resolve()
      },
      fail,
    })
    const leave = () => fail(signal.reason)
    signal.addEventListener('abort', leave, { once: true })
    if (signal.aborted) leave()
    let finished = false
    try {
      thread.postMessage({ kind: 'start', id, ...request } satisfies ToThread)
      while (!finished) {
        if (failure !== undefined) throw failure.error
        const event = events.shift()
        if (event === undefined) {
          await wake.promise
          wake = Promise.withResolvers()
          continue
        }
        finished = event.finish !== undefined
        yield event
      }
    } finally {
      signal.removeEventListener('abort', leave)
      answers.delete(id)
      if (!finished) thread.postMessage({ kind: 'cancel', id } satisfies ToThread)
    }
  }

  await open()
  return {
    get busy() {
      return answers.size
    },
    get alive() {
      return worker !== undefined
    },
    get memoryBytes() {
      return memoryBytes
    },
    generate,
    async close() {
      closing = true
      await worker?.terminate()
    },
  }
}

function died(): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message: 'the engine of this model is being started again',
    retryAfterMs: 1000,
  })
}
