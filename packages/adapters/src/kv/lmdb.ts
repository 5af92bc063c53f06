import { statfsSync } from 'node:fs'
import { ZerogError } from '@zerog/primitives'
import { open, type RootDatabase } from 'lmdb'
import { folderDamaged, folderError } from '../folder.ts'
import { SEQUENCE_KEY, sequenceOf } from './seal.ts'

export const PAGE_BYTES = 4096

type Database = RootDatabase<Buffer, Buffer>

/** lmdb's own codes for a file that is not what it should be (lmdb.h: MDB_PAGE_NOTFOUND, CORRUPTED, PANIC, VERSION_MISMATCH, INVALID). */
const DAMAGE_CODES = new Set([-30797, -30796, -30795, -30794, -30793])
const ERRNO: Readonly<Record<number, string>> = { 1: 'EPERM', 13: 'EACCES', 28: 'ENOSPC', 30: 'EROFS', 122: 'EDQUOT' }

export function openLmdb(path: string): Database {
  return open({
    path: `${path}/data.mdb`,
    noSubdir: true,
    keyEncoding: 'binary',
    encoding: 'binary',
    pageSize: PAGE_BYTES,
    // The classic order: data, sync, meta page, sync. With overlapping syncs a synchronous commit still waits for its sync.
    overlappingSync: false,
    // With it, lmdb-js keeps a promise of its own per turn, whose rejection nobody could handle when a commit fails.
    eventTurnBatching: false,
    maxDbs: 1,
    // Only one process opens a store, so readers are the iterators of this one.
    maxReaders: 1024,
  })
}

export function committedSequence(db: Database): bigint {
  const record = db.getBinary(SEQUENCE_KEY)
  return record === undefined ? 0n : (sequenceOf(record) ?? 0n)
}

/** lmdb-js rejects with "Commit failed" and keeps the reason in a promise beside it. */
export async function commitCause(error: unknown): Promise<unknown> {
  if (typeof error !== 'object' || error === null || !('commitError' in error)) return error
  try {
    await error.commitError
    return error
  } catch (cause) {
    return cause
  }
}

/** DISK_FULL, CONFIG_INVALID (permission) or DATA_FOLDER_DAMAGED where lmdb says so. */
export function lmdbError(error: unknown, path: string): unknown {
  if (error instanceof ZerogError) return error
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  if (typeof code !== 'number') return folderError(error, path)
  if (DAMAGE_CODES.has(code)) return folderDamaged(path, String(error), error)
  const errno = isShortWrite(code, path) ? 'ENOSPC' : ERRNO[code]
  return errno === undefined ? error : folderError(Object.assign(new Error(String(error)), { code: errno }), path)
}

/** lmdb takes a write that ended early, which is how a disk gets full, for an input/output error (mdb_page_flush: EIO). */
function isShortWrite(code: number, path: string): boolean {
  if (code !== 5) return false
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize < 1024 * 1024
}
