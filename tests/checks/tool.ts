import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url))

export type ToolResult = { readonly status: number; readonly stdout: string; readonly stderr: string }

/** Runs a tool of the toolchain in the repository root (or `cwd`), as a developer would on his shell. */
export function runTool(
  file: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): ToolResult {
  const result = spawnSync(file, args, {
    cwd: options.cwd ?? repositoryRoot,
    env: { ...process.env, NODE_OPTIONS: '', ...options.env },
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
  })
  if (result.error) throw result.error
  return { status: result.status ?? -1, stdout: result.stdout, stderr: result.stderr }
}
