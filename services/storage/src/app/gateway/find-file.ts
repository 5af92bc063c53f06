import { toHex, ZerogError } from '@zerog/primitives'
import type { FileKey } from '../../core/segment-key.ts'
import { fileKeyText } from '../../core/segment-key.ts'
import { CACHE_ENTRIES_MAX } from '../../limits.ts'
import type { FileRecord, StorageRepository, StoredSubmission } from '../repository.ts'
import { invalidSegment } from '../verify.ts'
import { boundedCache } from './bounded-cache.ts'

export type FileRef = { readonly root: Uint8Array } | { readonly txSeq: number }
export type SubmittedFile = { readonly submission: StoredSubmission; readonly file: FileRecord }

/** Submissions of one root that a look-up considers; more of them say nothing new. */
const SUBMISSIONS_PER_ROOT_MAX = 100

export type FileFinder = {
  /** The submission by number; by root the first finalized one, else (they are never pruned here) the first. */
  find(ref: FileRef): Promise<SubmittedFile | undefined>
  /** The file that an uploaded segment belongs to, opened for a limited time where nothing was submitted yet. */
  forUpload(key: FileKey, txSeq: number | undefined): Promise<FileRecord>
}

export type FinderOptions = {
  /** How long segments without a submission are kept. */
  readonly unsubmittedTtlMs: number
  /** The largest file that may arrive before its submission. */
  readonly unsubmittedFileBytesMax: number
  /** All such files together. */
  readonly unsubmittedBytesMax: number
}

export function fileFinder(options: FinderOptions, deps: { repository: StorageRepository; nowMs: () => number }): FileFinder {
  const { repository } = deps
  /** Files with a submission are never deleted, and their keys never change. */
  const submittedFiles = boundedCache<FileRecord>(CACHE_ENTRIES_MAX)
  const submissions = boundedCache<StoredSubmission>(CACHE_ENTRIES_MAX)

  async function submission(txSeq: number): Promise<StoredSubmission | undefined> {
    const known = submissions.get(String(txSeq))
    if (known !== undefined) return known
    const found = await repository.submission(txSeq)
    if (found !== undefined) submissions.set(String(txSeq), found)
    return found
  }

  async function submittedFile(key: FileKey): Promise<FileRecord | undefined> {
    const file = await repository.file(key)
    if (file !== undefined && file.expiresAtMs === undefined) submittedFiles.set(fileKeyText(key), file)
    return file
  }

  async function uploadTarget(key: FileKey, txSeq: number | undefined): Promise<boolean> {
    const named = txSeq === undefined ? undefined : await submission(txSeq)
    if (named !== undefined) {
      if (toHex(named.root) !== toHex(key.root)) throw mismatch()
      if (named.sizeBytes !== key.sizeBytes) throw wrongSize()
      return true
    }
    if (submittedFiles.get(fileKeyText(key)) !== undefined) return true
    const others = await repository.submissionsOf(key.root, SUBMISSIONS_PER_ROOT_MAX)
    if (others.some((other) => other.sizeBytes === key.sizeBytes)) return true
    if (others.length > 0) throw wrongSize()
    return false
  }

  return {
    async find(ref) {
      if ('txSeq' in ref) {
        const found = await submission(ref.txSeq)
        const file = found === undefined ? undefined : await submittedFile(found)
        return found === undefined || file === undefined ? undefined : { submission: found, file }
      }
      const candidates = await repository.submissionsOf(ref.root, SUBMISSIONS_PER_ROOT_MAX)
      let first: SubmittedFile | undefined
      const files = new Map<number, FileRecord | undefined>()
      for (const candidate of candidates) {
        if (!files.has(candidate.sizeBytes)) files.set(candidate.sizeBytes, await submittedFile(candidate))
        const file = files.get(candidate.sizeBytes)
        if (file === undefined) continue
        if (file.finalizedAtMs !== undefined) return { submission: candidate, file }
        first ??= { submission: candidate, file }
      }
      return first
    },
    async forUpload(key, txSeq) {
      const submitted = await uploadTarget(key, txSeq)
      const known = submittedFiles.get(fileKeyText(key))
      if (known !== undefined) return known
      if (!submitted && key.sizeBytes > options.unsubmittedFileBytesMax) {
        throw invalidSegment({
          parameter: 'file_size',
          problem: 'caching of large file when tx is unavailable is not supported',
        })
      }
      if (submitted) {
        const file = await submittedFile(key)
        if (file !== undefined) return file
      }
      const opened = await repository.openFile({
        key,
        expiresAtMs: deps.nowMs() + options.unsubmittedTtlMs,
        unsubmittedBytesMax: options.unsubmittedBytesMax,
      })
      if (typeof opened === 'string') throw comeBack(opened)
      return opened
    },
  }
}

function mismatch(): ZerogError {
  return new ZerogError('INVALID_ARGUMENT', {
    message: 'the segment names another root than the submission with this sequence number',
    metadata: { problem: 'data root and tx seq not match' },
  })
}

function wrongSize(): ZerogError {
  return invalidSegment({ parameter: 'file_size', problem: 'segment file size not matched with tx file size' })
}

function comeBack(why: 'full' | 'deleting'): ZerogError {
  return new ZerogError('QUEUE_FULL', {
    message:
      why === 'full'
        ? 'the room for files that were not submitted yet is used up; submit the file first, or try again later'
        : 'an earlier copy of this file is being removed; try again in a moment',
    retryAfterMs: 1000,
  })
}
