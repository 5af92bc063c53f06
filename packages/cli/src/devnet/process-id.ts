import { readFileSync } from 'node:fs'

/** A process named so that a later one with the same pid is not taken for it: the start time in clock ticks since boot. */
export type ProcessId = { readonly pid: number; readonly started: string }

export function processIdOf(pid: number): ProcessId | undefined {
  const stat = tryRead(`/proc/${pid}/stat`)
  if (stat === undefined) return process.platform !== 'linux' && runs(pid) ? { pid, started: '' } : undefined
  // The second field is the command in parentheses and may hold blanks; the state is field 3, the start time field 22.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : { pid, started: fields[19] ?? '' }
}

export function isRunning(id: ProcessId): boolean {
  return processIdOf(id.pid)?.started === id.started
}

/** Resolves true when every process is gone, false at the deadline. */
export async function untilGone(ids: readonly ProcessId[], timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  while (ids.some(isRunning)) {
    if (performance.now() > deadline) return false
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  return true
}

export function signalProcess(id: ProcessId, signal: NodeJS.Signals): void {
  if (!isRunning(id)) return
  try {
    process.kill(id.pid, signal)
  } catch {
    // It ended between the look and the signal.
  }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
