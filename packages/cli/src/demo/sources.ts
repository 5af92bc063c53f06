import { execFile } from 'node:child_process'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import type { TarEntry } from './tar.ts'

const FOLDERS_SKIPPED = new Set(['node_modules', '.git', '.zerog', '.turbo', '.cache'])
const FILE_BYTES_MAX = 8 * 1024 * 1024
const TOTAL_BYTES_MAX = 64 * 1024 * 1024

/** The repository's own files, sorted by path: those that git tracks, or a walk where there is no git. At most 64 MiB. */
export async function repositoryFiles(root: string): Promise<readonly TarEntry[]> {
  const paths = (await trackedPaths(root)) ?? (await walkedPaths(root, root))
  const entries: TarEntry[] = []
  let total = 0
  for (const path of [...new Set(paths)].sort()) {
    const info = await stat(join(root, path)).catch(() => undefined)
    if (info === undefined || !info.isFile() || info.size > FILE_BYTES_MAX) continue
    total += info.size
    if (total > TOTAL_BYTES_MAX) break
    entries.push({ path, bytes: new Uint8Array(await readFile(join(root, path))) })
  }
  return entries
}

async function trackedPaths(root: string): Promise<readonly string[] | undefined> {
  try {
    const { stdout } = await promisify(execFile)('git', ['ls-files', '-z'], { cwd: root, maxBuffer: 64 * 1024 * 1024 })
    const paths = stdout.split('\0').filter((path) => path !== '')
    return paths.length === 0 ? undefined : paths
  } catch {
    return undefined
  }
}

async function walkedPaths(root: string, folder: string): Promise<readonly string[]> {
  const paths: string[] = []
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && !FOLDERS_SKIPPED.has(entry.name)) paths.push(...(await walkedPaths(root, path)))
    else if (entry.isFile()) paths.push(relative(root, path))
  }
  return paths
}
