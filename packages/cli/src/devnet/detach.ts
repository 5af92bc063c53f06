import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ZerogError } from '@zerog/primitives'
import { LAUNCHER_LOG } from './data-folder.ts'
import { type DevnetEndpoints, readEndpoints } from './endpoints.ts'
import { failureIn } from './failure.ts'
import { readLauncher } from './launcher-file.ts'

const READY_MS = 120_000
const MAIN = join(import.meta.dirname, '..', 'main.ts')

/**
 * Starts the launcher as a process of its own and resolves when its devnet is ready; the launcher keeps running. Its output
 * goes to logs/launcher.log. A failure of the start is thrown here with the launcher's own sentence.
 */
export async function startDetached(
  args: readonly string[],
  dataDir: string,
  signal: AbortSignal,
): Promise<{ readonly endpoints: DevnetEndpoints; readonly isNew: boolean; readonly pid: number; readonly log: string }> {
  const logDir = join(dataDir, 'logs')
  mkdirSync(logDir, { recursive: true, mode: 0o700 })
  const log = join(logDir, LAUNCHER_LOG)
  const fd = openSync(log, 'w', 0o600)
  const child = spawn(process.execPath, [MAIN, 'up', ...args, '--json'], {
    detached: true,
    stdio: ['ignore', fd, fd],
    env: process.env,
  })
  closeSync(fd)
  const pid = child.pid ?? 0
  let exitCode: number | null | undefined
  child.once('exit', (code) => {
    exitCode = code
  })
  const deadline = performance.now() + READY_MS
  for (;;) {
    const launcher = await readLauncher(dataDir)
    const endpoints = launcher?.launcher.pid === pid ? await readEndpoints(dataDir) : undefined
    if (endpoints !== undefined) {
      child.unref()
      return { endpoints, isNew: isNewDevnet(readFileSync(log, 'utf8')), pid, log }
    }
    if (exitCode !== undefined) throw failureOf(readFileSync(log, 'utf8'), log)
    if (signal.aborted || performance.now() > deadline) {
      child.kill('SIGTERM')
      signal.throwIfAborted()
      throw new ZerogError('DEADLINE_EXCEEDED', {
        message: `the devnet is not ready after ${READY_MS / 1000} s; its log is ${log}`,
      })
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** The launcher ran with --json: its last document says why it ended. */
function failureOf(text: string, log: string): ZerogError {
  const failure = failureIn(text.trim().split('\n'))
  if (failure !== undefined) return new ZerogError(failure.reason, failure)
  return new ZerogError('DEPENDENCY_UNAVAILABLE', { message: `the devnet ended while starting; its log is ${log}` })
}

/** The launcher says so before it starts anything. */
function isNewDevnet(text: string): boolean {
  return text.includes('making a new devnet')
}
