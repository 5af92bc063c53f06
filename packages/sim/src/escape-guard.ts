import { AsyncLocalStorage, createHook } from 'node:async_hooks'
import { runInThisContext } from 'node:vm'
import type { Owner } from './event-queue.ts'

/** Simulated code reached for real time, real randomness or real I/O: the run would not replay. */
export class SimEscape extends Error {
  override readonly name = 'SimEscape'
}

type Listener = (error: unknown) => void

type Cancel = () => void

export type GuardOptions = {
  /** Hears of every escape and of rejections that nobody handles. */
  readonly report: Listener
  /** Globals that a library may use because no result depends on them (blinding in signatures). */
  readonly allowed: readonly string[]
  /** What simulated code gets for `performance.now`. */
  readonly nowMs: () => number
  /** What it gets for `setImmediate`: a turn of the event loop. */
  readonly yield: (task: () => void, owner: Owner | undefined) => Cancel
}

type Guard = {
  /** Runs simulated code of `owner`. */
  readonly enter: (work: () => void, owner?: Owner) => void
  /** Whether the caller is simulated code. */
  readonly isInside: () => boolean
  readonly close: () => void
}

/** Who is running: continuations of a promise inherit it from where they were made. */
const current = new AsyncLocalStorage<{ readonly guard: GuardOptions; readonly owner: Owner | undefined }>()

/** async_hooks types that are only bookkeeping of the runtime, not waiting for the outside. */
const HARMLESS = new Set(['PROMISE', 'TickObject', 'Microtask'])

/**
 * Runs simulated code so that nothing gets out unseen:
 * - globals that show the real world (timers, Date, Math.random, crypto, performance, WebAssembly.compile) throw `SimEscape`;
 * - every other asynchronous resource of Node (files, sockets, worker threads, thread-pool crypto, also random bytes) is seen by an async hook;
 * - a rejection that nobody handles is reported.
 * Two globals become virtual instead, for code that computes long and lets others have a turn: `performance.now` and `setImmediate`.
 * Only code that was started through `enter` is watched: a test runner in the same process is left alone.
 * Not seen: synchronous I/O of node:* modules. Comparing the audit hash of two runs shows that.
 */
export function openGuard(options: GuardOptions): Guard {
  if (open.length === 0) uninstall = install()
  open.push(options)
  return {
    enter: (work, owner) => current.run({ guard: options, owner }, work),
    isInside: () => current.getStore()?.guard === options,
    close: () => {
      const index = open.indexOf(options)
      if (index < 0) return
      open.splice(index, 1)
      if (open.length === 0) uninstall()
    },
  }
}

/** Guards that are open now; the process is patched once for all of them. */
const open: GuardOptions[] = []
let uninstall = () => {}

function install(): () => void {
  const restore = patchGlobals()
  const hook = createHook({
    trackPromises: false,
    init: (_id, type) => {
      const guard = HARMLESS.has(type) ? undefined : current.getStore()?.guard
      guard?.report(escapeBy(`a ${type} of Node`))
    },
  } as Parameters<typeof createHook>[0])
  hook.enable()
  // A rejection does not say whose it was: the youngest run is the likeliest, and there is one run at a time but in suites.
  const releaseRejections = takeRejections((reason) => open.at(-1)?.report(reason))
  return () => {
    releaseRejections()
    hook.disable()
    restore()
  }
}

function escapeBy(what: string): SimEscape {
  return new SimEscape(`simulated code used ${what}; take Clock, Random and I/O from the node's environment`)
}

/** Throws inside simulated code (and reports, should the code swallow it); everyone else gets the real thing. */
function refuse<F extends (...args: any[]) => unknown>(what: string, real: F, receiver: unknown): F {
  return ((...args: unknown[]) => {
    const guard = current.getStore()?.guard
    if (guard === undefined) return Reflect.apply(real, receiver, args)
    if (guard.allowed.includes(what)) return current.exit(() => Reflect.apply(real, receiver, args))
    const error = escapeBy(what)
    guard.report(error)
    throw error
  }) as F
}

function patchGlobals(): () => void {
  const undo: (() => void)[] = []
  const replace = (holder: any, name: string, by: (real: any) => unknown) => {
    const real = holder?.[name]
    if (typeof real !== 'function') return
    const own = Object.getOwnPropertyDescriptor(holder, name)
    Object.defineProperty(holder, name, { value: by(real), configurable: true, writable: true })
    undo.push(() => {
      if (own) Object.defineProperty(holder, name, own)
      else delete holder[name]
    })
  }
  const patch = (holder: any, name: string, label: string) => replace(holder, name, (real) => refuse(label, real, holder))
  for (const name of ['setTimeout', 'setInterval', 'fetch']) patch(globalThis, name, name)
  patch(Math, 'random', 'Math.random')
  replace(performance, 'now', (real) => () => current.getStore()?.guard.nowMs() ?? Reflect.apply(real, performance, []))
  replace(globalThis, 'setImmediate', virtualImmediate)
  replace(globalThis, 'clearImmediate', (real) => (handle: unknown) => (handle instanceof Turn ? handle.cancel() : real(handle)))
  for (const name of ['getRandomValues', 'randomUUID']) patch(globalThis.crypto, name, `crypto.${name}`)
  for (const name of ['compile', 'instantiate']) patch(WebAssembly, name, `WebAssembly.${name}`)
  undo.push(patchDate())
  return () => {
    for (const step of undo.reverse()) step()
  }
}

/** What simulated code holds in place of Node's Immediate. */
class Turn {
  readonly cancel: Cancel

  constructor(cancel: Cancel) {
    this.cancel = cancel
  }
}

function virtualImmediate(real: typeof setImmediate) {
  const wrapped = (task: (...args: unknown[]) => void, ...args: unknown[]) => {
    const store = current.getStore()
    if (store === undefined) return real(task, ...args)
    return new Turn(store.guard.yield(() => task(...args), store.owner))
  }
  // util.promisify and node:timers/promises look for own properties.
  return Object.assign(wrapped, real)
}

/** `Date.now()`, `Date()` and `new Date()` are refused; dates out of given milliseconds stay. */
function patchDate(): () => void {
  const RealDate = Date
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) => {
      if (args.length === 0) refuse('new Date()', () => undefined, undefined)()
      return Reflect.construct(target, args, newTarget)
    },
    apply: (target, receiver, args) => refuse('Date()', target as (...args: unknown[]) => unknown, receiver)(...args),
    get: (target, key, receiver) => (key === 'now' ? refuse('Date.now', target.now, target) : Reflect.get(target, key, receiver)),
  })
  return () => {
    globalThis.Date = RealDate
  }
}

/**
 * jest gives test code a copy of `process` whose events never fire and listens itself on the real one. The main context's
 * process is the same object everywhere; its other listeners come back when the run is over.
 */
function takeRejections(report: Listener): () => void {
  const process = runInThisContext('process') as NodeJS.Process
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  const listener = (reason: unknown) => report(reason)
  process.on('unhandledRejection', listener)
  return () => {
    process.off('unhandledRejection', listener)
    for (const other of others) process.on('unhandledRejection', other)
  }
}
