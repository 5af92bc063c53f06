import { closeSync, fstatSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type PostmasterStatus = { readonly pid: number; readonly port: number; readonly status: string }

/** What the postmaster writes into postmaster.pid (miscadmin.h: LOCK_FILE_LINE_*): line 1 pid, 4 port, 8 status. */
export function readPostmaster(dataDir: string): PostmasterStatus | undefined {
  const lines = tryRead(join(dataDir, 'postmaster.pid'))?.split('\n')
  const pid = Number(lines?.[0])
  if (lines === undefined || !Number.isInteger(pid) || pid <= 0) return undefined
  return { pid, port: Number(lines[3] ?? 0), status: (lines[7] ?? '').trim() }
}

/** Whether the process is a postmaster of this folder, and not something that got its number later. */
export function isPostmasterOf(pid: number, dataDir: string): boolean {
  const command = tryRead(`/proc/${pid}/cmdline`)?.split('\0')
  if (command === undefined) return false
  return /(^|\/)postgres$/.test(command[0] ?? '') && command.includes(dataDir)
}

/**
 * PostgreSQL refuses to start while the pid in its file lives, whatever process that is now. The number is replaced by one that
 * no process can have (above the kernel's PID_MAX_LIMIT); the rest stays, because the shared memory named there tells
 * PostgreSQL whether workers of the old postmaster still run.
 */
export function disownPostmasterFile(dataDir: string): void {
  const file = join(dataDir, 'postmaster.pid')
  const [, ...rest] = readFileSync(file, 'utf8').split('\n')
  if (rest.length < 5) rmSync(file)
  else writeFileSync(file, [2 ** 22 + 1, ...rest].join('\n'), { mode: 0o600 })
}

/** The last 16 KiB of the server's log. */
export function logTail(file: string): string {
  try {
    const fd = openSync(file, 'r')
    try {
      const { size } = fstatSync(fd)
      const bytes = Buffer.alloc(Math.min(size, 16 * 1024))
      readSync(fd, bytes, 0, bytes.length, size - bytes.length)
      return bytes.toString()
    } finally {
      closeSync(fd)
    }
  } catch {
    return ''
  }
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
