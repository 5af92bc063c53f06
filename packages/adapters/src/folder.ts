import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { ZerogError } from '@zerog/primitives'

/** Folders that this process holds; a second store on one of them is a bug of the caller, not a stale lock. */
const held = new Set<string>()

type Owner = { readonly pid: number; readonly started: string; readonly boot: string }

/**
 * Creates the folder (mode 0700) if it is missing and takes it for this process. What a killed process left is healed:
 * an owner counts as alive only if its pid runs now, was started at the noted tick and in the same boot.
 * Throws DATA_FOLDER_IN_USE; returns what gives the folder back.
 */
export function lockFolder(folder: string): () => void {
  const path = resolve(folder)
  makeFolder(path)
  const file = join(path, 'lock')
  if (held.has(path)) throw inUse(path, process.pid)
  const mine = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(mine, JSON.stringify(ownerOf(process.pid)), { mode: 0o600 })
    for (let attempt = 0; attempt < 10; attempt++) {
      try {
        // A link is atomic and fails when the name exists, also on network file systems.
        linkSync(mine, file)
        held.add(path)
        return () => {
          if (held.delete(path)) rmSync(file, { force: true })
        }
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error
      }
      const owner = readOwner(file)
      if (owner !== undefined && isAlive(owner)) throw inUse(path, owner.pid)
      moveStaleAside(file, owner)
    }
    throw inUse(path, undefined)
  } catch (error) {
    throw folderError(error, path)
  } finally {
    rmSync(mine, { force: true })
  }
}

/** mkdir -p with mode 0700 and errors that name the remedy. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw folderError(error, path)
  }
}

/** Makes the creation, renaming or removal of a file in the folder survive a power cut. */
export function syncFolder(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Makes everything that was ever written to a file survive a power cut, also what a killed process wrote. */
export function syncFile(path: string): void {
  syncFolder(path)
}

/** Turns what the operating system said into something that an operator can act on; other errors pass unchanged. */
export function folderError(error: unknown, path: string): unknown {
  const code = codeOf(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new ZerogError('DISK_FULL', {
      message: `the disk of ${path} is full; free space or move the data folder to a larger disk, then retry`,
      metadata: { path },
      cause: error,
    })
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new ZerogError('CONFIG_INVALID', {
      message: `no permission to write below ${path}; give it to the user that runs zerog (chown -R) or choose another data folder`,
      metadata: { path },
      cause: error,
    })
  }
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    return new ZerogError('CONFIG_INVALID', {
      message: `${path} cannot be a data folder because a file stands in its way; remove it or choose another folder`,
      metadata: { path },
      cause: error,
    })
  }
  return error
}

/** The code of an error of Node. Not by instanceof: errors of Node belong to another realm than code that runs in a vm context. */
export function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

export function folderDamaged(path: string, problem: string, cause?: unknown): ZerogError {
  return new ZerogError('DATA_FOLDER_DAMAGED', {
    message: `${path} is damaged: ${problem}; run "zerog doctor --deep", restore it from a backup or start again with --reset`,
    metadata: { path },
    cause,
  })
}

function inUse(path: string, pid: number | undefined): ZerogError {
  return new ZerogError('DATA_FOLDER_IN_USE', {
    message: `${path} is in use by process ${pid ?? 'unknown'}; stop it (npm run down) or choose another --data-dir`,
    metadata: { path, pid: String(pid ?? '') },
  })
}

function readOwner(file: string): Owner | undefined {
  try {
    const owner = JSON.parse(readFileSync(file, 'utf8'))
    return Number.isInteger(owner.pid) && typeof owner.started === 'string' && typeof owner.boot === 'string' ? owner : undefined
  } catch {
    return undefined
  }
}

/** The pid alone is not enough: it is used again after a restart, and in a container it is always 1. */
function ownerOf(pid: number): Owner | undefined {
  const boot = tryRead('/proc/sys/kernel/random/boot_id')?.trim()
  if (boot === undefined) return runs(pid) ? { pid, started: '', boot: '' } : undefined
  const stat = tryRead(`/proc/${pid}/stat`)
  // The second field is the command in parentheses and may hold blanks; "starttime" is field 22, state field 3.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined
  return { pid, started: fields[19] ?? '', boot }
}

function isAlive(owner: Owner): boolean {
  const now = ownerOf(owner.pid)
  if (owner.pid === process.pid) return false
  return now !== undefined && now.started === owner.started && now.boot === owner.boot
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

/** Only the lock that was judged is removed: if somebody healed it meanwhile, theirs is put back. */
function moveStaleAside(file: string, judged: Owner | undefined): void {
  const aside = `${file}.stale.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    renameSync(file, aside)
    const moved = readOwner(aside)
    if (moved !== undefined && isAlive(moved) && moved.pid !== judged?.pid) linkSync(aside, file)
    unlinkSync(aside)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EEXIST') throw error
    rmSync(aside, { force: true })
  }
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
