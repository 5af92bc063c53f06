import type { ZerogError } from '@zerog/primitives'
import { type Child, type ChildSpec, startChild, untilReady } from './child.ts'
import type { ProcessId } from './process-id.ts'

const READY_MS = 60_000
const BACKOFF_MS = 500
const BACKOFF_MAX_MS = 10_000
/** A child that ran this long starts again without delay next time. */
const SETTLED_MS = 60_000
const STOP_MS = 15_000

export type Supervisor = {
  /** Starts all of them and waits until each is ready; rejects with the first that cannot start. */
  readonly start: (specs: readonly ChildSpec[]) => Promise<void>
  readonly children: () => readonly Child[]
  readonly ids: () => readonly ProcessId[]
  /** In reverse order, each asked first and killed after 15 s. */
  readonly stop: () => Promise<void>
}

/**
 * One process per target. A child that ends without being asked is started again with growing pauses, and every end and start is
 * said: nothing is healed silently.
 */
export function createSupervisor(deps: {
  readonly say: (text: string) => void
  /** After every start and end, so that files which name pids are written anew. */
  readonly changed: () => void
  readonly onReady: (name: string) => void
  readonly signal: AbortSignal
}): Supervisor {
  const running = new Map<string, Child>()
  const watchers: Promise<void>[] = []
  const stopping = new AbortController()
  const stopped = AbortSignal.any([deps.signal, stopping.signal])

  function launch(spec: ChildSpec): Child {
    const child = startChild(spec)
    running.set(spec.name, child)
    deps.changed()
    return child
  }

  async function watch(spec: ChildSpec, first: Child): Promise<void> {
    let child = first
    let startedMs = performance.now()
    let failures = 0
    while (!stopped.aborted) {
      const { code, signal } = await child.exited
      if (stopped.aborted) return
      // Whoever asked it to stop wants a restart, not a rest.
      const asked = code === 0
      failures = asked || performance.now() - startedMs > SETTLED_MS ? 0 : failures + 1
      const pauseMs = asked ? 0 : Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** Math.max(0, failures - 1))
      const why = asked ? '' : lastFailure(child)
      deps.say(`${spec.name} ended (${signal ?? `exit ${code}`})${why}; starting it again in ${pauseMs / 1000} s`)
      await pause(pauseMs, stopped)
      if (stopped.aborted) return
      child = launch(spec)
      startedMs = performance.now()
      await untilReady(child, READY_MS, stopped).then(
        () => deps.say(`${spec.name} is ready again (process ${child.id.pid})`),
        (error: ZerogError) => {
          if (!stopped.aborted) deps.say(error.message)
        },
      )
    }
  }

  return {
    start: async (specs) => {
      // All at once: each waits for what it depends on by itself.
      const starts = specs.map(async (spec) => {
        const child = launch(spec)
        await untilReady(child, READY_MS, stopped)
        deps.onReady(spec.name)
        watchers.push(watch(spec, child))
      })
      await Promise.all(starts)
    },
    children: () => [...running.values()],
    ids: () => [...running.values()].map(({ id }) => id),
    stop: async () => {
      stopping.abort()
      for (const child of [...running.values()].reverse()) {
        child.kill('SIGTERM')
        const timer = setTimeout(() => {
          deps.say(`${child.spec.name} did not stop within ${STOP_MS / 1000} s; killing it`)
          child.kill('SIGKILL')
        }, STOP_MS)
        await child.exited
        clearTimeout(timer)
      }
      await Promise.all(watchers)
    },
  }
}

function lastFailure(child: Child): string {
  const line = child.tail().at(-1)
  return line === undefined ? '' : `: ${line.slice(0, 300)}`
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const timer = setTimeout(done, delayMs)
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done, { once: true })
  })
}
