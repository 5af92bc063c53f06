import { closeSync, existsSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Kv, KvRange, Logger } from '@zerog/ports'
import { assert, toHex, ZerogError } from '@zerog/primitives'
import { folderDamaged, lockFolder, syncFile, syncFolder } from '../folder.ts'
import { KV_COMMIT_BYTES, KV_OVERLAY_BYTES_MAX, KV_VERIFY_ALWAYS_BYTES } from '../limits.ts'
import { toSortKey } from '../sorted-bytes.ts'
import { commitCause, committedSequence, lmdbError, openLmdb } from './lmdb.ts'
import { mergeSorted } from './merge.ts'
import { emptyOverlay, mergeOverlays, type Overlay, putInto, sliceOverlays } from './overlay.ts'
import { afterTable, decodeRecord, encodeRecord, splitStoredKey, storedKey, tablePrefix, valueIn } from './record.ts'
import { assertRange, assertWrite } from './rules.ts'
import { readSeal, SEQUENCE_KEY, sealBytes, sequenceRecord } from './seal.ts'
import { verifyKv } from './verify.ts'

export type LmdbKvOptions = {
  /** Folder of this store; created with mode 0700. */
  readonly path: string
  /** In errors and logs. Default: the folder. */
  readonly name?: string
  /**
   * When the whole file is read and proven sound before lmdb maps it (lmdb crashes on some damaged files and loses records
   * silently on others): always, after a stop that was no close, or never. Default: always up to 256 MiB, else after an unclean stop.
   */
  readonly verify?: 'always' | 'unclean' | 'never'
  readonly logger?: Logger
}

/**
 * Kv on lmdb. Writes go to an ordered overlay in memory, which reads look at first; `flush` commits the overlay as one lmdb
 * transaction whose fsync runs off the event loop. So writes cost no disk access, callers share a sync, and what is on disk
 * is always a prefix of the writes. ADR 0020 tells why lmdb's own asynchronous modes were not enough.
 */
export function lmdbKv(options: LmdbKvOptions): Kv {
  const { path, name = path } = options
  const unlock = lockFolder(path)
  try {
    return openStore(options, name, unlock)
  } catch (error) {
    unlock()
    throw lmdbError(error, path)
  }
}

function openStore({ path, verify, logger }: LmdbKvOptions, name: string, unlock: () => void): Kv {
  const marker = join(path, 'clean')
  const sealFile = join(path, 'seal')
  const clean = existsSync(marker)
  verifyBeforeOpen(path, verify, clean, logger)
  rmSync(marker, { force: true })
  const db = openLmdb(path)
  // A commit whose last sync a SIGKILL cut off is shown from now on, so it has to last.
  if (!clean) syncFile(join(path, 'data.mdb'))
  let sequence = committedSequence(db)
  const sealed = readSeal(sealFile)
  if (sealed > sequence) {
    throw folderDamaged(path, `it stands at commit ${sequence} although commit ${sealed} was acknowledged (an old copy?)`)
  }
  const seal = openSync(sealFile, existsSync(sealFile) ? 'r+' : 'w+', 0o600)
  writeSync(seal, sealBytes(sequence), 0, undefined, 0)
  syncFolder(path)

  let active = emptyOverlay()
  let committing = emptyOverlay()
  let current: Promise<void> | undefined
  let next: Promise<void> | undefined
  let closed = false
  const assertOpen = () => assert(!closed, `the store ${name} is closed`)

  function apply(overlay: Overlay) {
    for (const key of overlay.keys) {
      const stored = Buffer.from(key, 'latin1')
      const record = overlay.values.get(key) as Buffer | null // what `write` put there
      if (record === null) db.removeSync(stored)
      else db.putSync(stored, record)
    }
    db.putSync(SEQUENCE_KEY, sequenceRecord(sequence + 1n))
  }

  function sealCommit() {
    sequence++
    writeSync(seal, sealBytes(sequence), 0, undefined, 0)
    db.resetReadTxn()
  }

  async function commit(): Promise<void> {
    committing = active
    active = emptyOverlay()
    try {
      await db.transaction(() => apply(committing))
      sealCommit()
    } catch (error) {
      // Nothing is lost while the process lives: the next flush tries again, e.g. when the disk has space.
      active = mergeOverlays(committing, active)
      throw lmdbError(await commitCause(error), path)
    } finally {
      committing = emptyOverlay()
    }
  }

  function startCommit(): Promise<void> {
    const run = commit().finally(() => {
      if (current === run) current = undefined
    })
    current = run
    return run
  }

  /** A writer that never flushes must not fill the memory: at a bound the overlay is committed on the spot. */
  function commitWhenLarge() {
    if (active.sizeBytes < KV_COMMIT_BYTES) return
    if (current === undefined) {
      try {
        db.transactionSync(() => apply(active))
      } catch (error) {
        throw lmdbError(error, path)
      }
      sealCommit()
      active = emptyOverlay()
    } else if (active.sizeBytes > KV_OVERLAY_BYTES_MAX) {
      throw new ZerogError('QUEUE_FULL', {
        message: `${name} has ${KV_OVERLAY_BYTES_MAX} bytes of unflushed writes; await flush()`,
      })
    }
  }

  function read(stored: Buffer): Uint8Array | undefined {
    if (active.keys.length > 0 || committing.keys.length > 0) {
      const sortKey = toSortKey(stored)
      const pending = active.values.get(sortKey) ?? (active.values.has(sortKey) ? null : committing.values.get(sortKey))
      if (pending === null) return undefined
      if (pending !== undefined) return valueIn(pending)
    }
    const record = db.getBinaryFast(stored)
    if (record === undefined) return undefined
    // lmdb redefines `length` on its reused buffer; subarray() by that length gives the real view.
    return checked(stored, record.subarray(0, record.length))
  }

  function checked(stored: Uint8Array, record: Uint8Array): Uint8Array {
    const value = decodeRecord(stored, record)
    if (value !== undefined) return value
    const { table, key } = splitStoredKey(stored)
    throw new ZerogError('RECORD_CORRUPT', {
      message: `record ${toHex(key)} of table ${table} in ${path} is damaged on disk; run "zerog doctor --deep"`,
      metadata: { store: name, table, key: toHex(key) },
    })
  }

  function* rangeOf(table: string, { from, to, reverse = false, limit }: KvRange): Generator<readonly [Uint8Array, Uint8Array]> {
    assertOpen()
    if (limit === 0) return
    const start = from === undefined ? Buffer.from(tablePrefix(table)) : Buffer.concat([tablePrefix(table), from])
    const end = to === undefined ? afterTable(table) : Buffer.concat([tablePrefix(table), to])
    if (Buffer.compare(start, end) >= 0) return
    const pending = sliceOverlays([active, committing], toSortKey(start), toSortKey(end))
    if (reverse) pending.reverse()
    const prefixLength = tablePrefix(table).length
    const bounds = reverse ? { start: end, end: start, reverse, exclusiveStart: true, inclusiveEnd: true } : { start, end }
    // Both views are taken here, in one synchronous step: this is the moment that the iteration shows.
    const records = db.getRange(bounds)[Symbol.iterator]()
    let count = 0
    try {
      for (const [stored, found] of mergeSorted(records, pending, reverse)) {
        const value = found.kind === 'pending' ? valueIn(found.value) : checked(stored, found.record)
        yield [new Uint8Array(stored.subarray(prefixLength)), value] as const
        if (++count === limit) return
      }
    } finally {
      records.return?.()
    }
  }

  return {
    get(table, key) {
      assertOpen()
      return read(storedKey(table, key))
    },
    range(table, range = {}) {
      assertOpen()
      assertRange(range)
      return rangeOf(table, range)
    },
    write(writes) {
      assertOpen()
      for (const write of writes) assertWrite(write)
      commitWhenLarge()
      for (const { table, key, value } of writes) {
        const stored = storedKey(table, key)
        // The record is the copy that the caller may not change any more.
        putInto(active, toSortKey(stored), value === null ? null : encodeRecord(stored, value))
      }
    },
    flush() {
      assertOpen()
      if (current === undefined) return active.keys.length === 0 ? Promise.resolve() : startCommit()
      if (active.keys.length === 0) return current
      // Everybody who comes while a commit runs shares the one after it.
      next ??= current
        .catch(() => {})
        .then(() => {
          next = undefined
          return startCommit()
        })
      return next
    },
    async close() {
      if (closed) return
      try {
        while (current !== undefined || active.keys.length > 0) await this.flush()
        writeFileSync(marker, '', { mode: 0o600 })
      } finally {
        closed = true
        await db.close()
        closeSync(seal)
        unlock()
      }
    },
  }
}

/** Never lets lmdb map a file that could crash it or hide records. */
function verifyBeforeOpen(path: string, verify: LmdbKvOptions['verify'], clean: boolean, logger: Logger | undefined) {
  const file = join(path, 'data.mdb')
  const sizeBytes = existsSync(file) ? statSync(file).size : 0
  const wanted = verify ?? (sizeBytes <= KV_VERIFY_ALWAYS_BYTES ? 'always' : 'unclean')
  if (sizeBytes === 0 || wanted === 'never' || (wanted === 'unclean' && clean)) return
  const startMs = performance.now()
  const { recordCount, damage } = verifyKv(path)
  for (const { table, key, problem } of damage) {
    logger?.error('kv_record_damaged', { path, table, key: key && toHex(key), problem })
  }
  const structural = damage.find(({ key }) => key === undefined)
  if (structural !== undefined) throw folderDamaged(path, structural.problem)
  logger?.info('kv_verified', { path, clean, sizeBytes, recordCount, durationMs: Math.round(performance.now() - startMs) })
}
