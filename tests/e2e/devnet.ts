import { type ExecFileException, execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DevnetEndpoints } from '@zerog/cli'

const MAIN = join(import.meta.dirname, '../../packages/cli/src/main.ts')

export type CommandResult = { readonly code: number; readonly out: string; readonly err: string; readonly json: () => any }

/** Runs `zerog …` as a process of its own, as users do. */
export function zerog(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  // What jest needs of Node is not what a user's shell sets.
  const { NODE_OPTIONS: _options, ...clean } = process.env
  return new Promise((resolve) => {
    const options = { env: { ...clean, ...env }, maxBuffer: 64 * 1024 * 1024, timeout: 180_000 }
    execFile(process.execPath, [MAIN, ...args], options, (error: ExecFileException | null, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out, err, json: () => JSON.parse(out) })
    })
  })
}

export type TestDevnet = {
  readonly dataDir: string
  readonly endpoints: DevnetEndpoints
  readonly pid: number
  readonly seconds: number
  /** A command line for this devnet. */
  readonly zerog: (...args: readonly string[]) => Promise<CommandResult>
}

export async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'zerog-e2e-'))
}

/** A devnet on free ports in the background. Throws with what the launcher said when it does not start. */
export async function startDevnet(dataDir: string, ...flags: readonly string[]): Promise<TestDevnet> {
  const started = await zerog(['up', '--detach', '--json', '--port', '0', '--data-dir', dataDir, ...flags])
  if (started.code !== 0) throw new Error(`zerog up: exit ${started.code}\n${started.out}\n${started.err}`)
  const { endpoints, pid, seconds } = started.json().data
  return { dataDir, endpoints, pid, seconds, zerog: (...args) => zerog([...args, '--data-dir', dataDir]) }
}

/** Stops it and removes its folder, whatever state it is in. */
export async function removeDevnet(dataDir: string): Promise<void> {
  await zerog(['down', '--data-dir', dataDir])
  await rm(dataDir, { recursive: true, force: true })
}

/** Processes that mention the folder in command line or environment: all that belong to a devnet, its PostgreSQL too. */
export function processesOf(dataDir: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        const text = readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8')
        return text.includes(dataDir)
      } catch {
        return false
      }
    })
    .map(Number)
}

/** Resolves when `done` says so; fails after the time with `what`. */
export async function until(what: string, done: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
