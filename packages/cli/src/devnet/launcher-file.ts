import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { ProcessId } from './process-id.ts'

const processIdSchema = z.object({ pid: z.number().int().positive(), started: z.string() })
const launcherSchema = z.object({ launcher: processIdSchema, children: z.array(processIdSchema) })

/** What `zerog down` needs when the launcher cannot answer any more: who belongs to this devnet. */
export type LauncherFile = { readonly launcher: ProcessId; readonly children: readonly ProcessId[] }

export async function readLauncher(dataDir: string): Promise<LauncherFile | undefined> {
  try {
    return launcherSchema.parse(JSON.parse(await readFile(join(dataDir, 'launcher.json'), 'utf8')))
  } catch {
    return undefined
  }
}

export async function writeLauncher(dataDir: string, file: LauncherFile): Promise<void> {
  const path = join(dataDir, 'launcher.json')
  await writeFile(`${path}.new`, JSON.stringify(file), { mode: 0o600 })
  await rename(`${path}.new`, path)
}

export async function removeLauncher(dataDir: string): Promise<void> {
  await rm(join(dataDir, 'launcher.json'), { force: true })
}
