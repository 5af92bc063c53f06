import { spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { ZerogError } from '@zerog/primitives'
import { failureIn } from './failure.ts'
import { type ProcessId, processIdOf } from './process-id.ts'

export type ChildSpec = {
  readonly name: string
  readonly target: string
  readonly instance: number
  readonly env: Readonly<Record<string, string>>
  readonly admin: number
  readonly logDir: string
}

export type Child = {
  readonly spec: ChildSpec
  readonly id: ProcessId
  /** Resolves with how it ended; never rejects. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** Last lines of its output, for the sentence about why it ended. */
  readonly tail: () => readonly string[]
  readonly kill: (signal: NodeJS.Signals) => void
}

const TAIL_LINES = 20
const TAIL_BYTES = 16_384
const MAIN = join(import.meta.dirname, '..', 'main.ts')
/** Targets or single instances whose sources lie in another checkout, `*` for all others, as JSON {"<name>":"<folder>"}: releases are tried together. */
const TREES = 'ZEROG_DEVNET_TREES'

/**
 * Starts `zerog run --target=…` as a child. Its stdin is a pipe that only this process holds: when the launcher dies, however
 * it dies, the pipe closes and the child stops itself.
 */
export function startChild(spec: ChildSpec): Child {
  const { [TREES]: trees, ...inherited } = process.env
  const args = [
    mainOf(spec, trees),
    'run',
    `--target=${spec.target}`,
    `--instance=${spec.instance}`,
    '--die-with-parent',
    '--json',
  ]
  const log = openLog(join(spec.logDir, `${spec.name}.log`))
  const child = spawn(process.execPath, args, {
    env: { ...inherited, ...spec.env },
    // Straight into its file: what a child writes does not depend on the launcher being alive.
    stdio: ['pipe', log.fd, log.fd],
    // Own group: Ctrl-C reaches the launcher alone, which then stops the targets in order.
    detached: true,
  })
  closeSync(log.fd)
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('error', () => resolve({ code: 127, signal: null }))
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  child.stdin?.on('error', () => {})
  const pid = child.pid ?? 0
  return {
    spec,
    id: processIdOf(pid) ?? { pid, started: '' },
    exited,
    tail: () => readTail(log),
    kill: (signal) => void child.kill(signal),
  }
}

function mainOf({ name, target }: ChildSpec, trees: string | undefined): string {
  const folders: Readonly<Record<string, string>> = trees === undefined ? {} : JSON.parse(trees)
  const folder = folders[name] ?? folders[target] ?? folders['*']
  return folder === undefined ? MAIN : join(folder, 'packages/cli/src/main.ts')
}

/** Resolves when /readyz says 200; rejects with what the child said when it ends first. */
export async function untilReady(child: Child, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + timeoutMs
  let ended: { code: number | null; signal: NodeJS.Signals | null } | undefined
  void child.exited.then((how) => {
    ended = how
  })
  while (!(await isReady(child.spec.admin))) {
    signal.throwIfAborted()
    if (ended !== undefined) throw startFailure(child, ended)
    if (performance.now() > deadline) {
      throw new ZerogError('DEADLINE_EXCEEDED', {
        message: `${child.spec.name} is not ready after ${timeoutMs / 1000} s; its log is ${join(child.spec.logDir, `${child.spec.name}.log`)}`,
      })
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function isReady(admin: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${admin}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
    (response) => response.ok,
    () => false,
  )
}

/** The child runs with --json: its last document carries reason and sentence up to here. */
function startFailure(child: Child, ended: { readonly code: number | null; readonly signal: NodeJS.Signals | null }): ZerogError {
  const failure = failureIn(child.tail())
  if (failure !== undefined) return new ZerogError(failure.reason, { message: `${child.spec.name}: ${failure.message}` })
  const last = child.tail().at(-1)
  return new ZerogError('DEPENDENCY_UNAVAILABLE', {
    message: `${child.spec.name} ended while starting (${ended.signal ?? `exit ${ended.code}`})${last === undefined ? '' : `: ${last}`}`,
  })
}

type Log = { readonly path: string; readonly fd: number; readonly startBytes: number }

function openLog(path: string): Log {
  const fd = openSync(path, 'a', 0o600)
  return { path, fd, startBytes: fstatSync(fd).size }
}

/** Of this run only. */
function readTail({ path, startBytes }: Log): readonly string[] {
  const fd = openSync(path, 'r')
  try {
    const { size } = fstatSync(fd)
    const from = Math.max(startBytes, size - TAIL_BYTES)
    const buffer = Buffer.alloc(Math.max(0, size - from))
    readSync(fd, buffer, 0, buffer.length, from)
    return buffer.toString('utf8').trim().split('\n').slice(-TAIL_LINES)
  } finally {
    closeSync(fd)
  }
}
