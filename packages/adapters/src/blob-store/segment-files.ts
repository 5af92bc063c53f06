import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  openSync,
  read,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
  writev,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { syncFolder } from '../folder.ts'
import { BLOB_OPEN_FILES_MAX } from '../limits.ts'
import { SEGMENT_HEADER } from './format.ts'

const readAsync = promisify(read)
const writevAsync = promisify(writev)
const fdatasyncAsync = promisify(fdatasync)

type OpenFile = { readonly fd: number; users: number; doomed: boolean }

/** The numbered files of one store, with a bounded number of them open. */
export class SegmentFiles {
  readonly folder: string
  readonly #open = new Map<number, OpenFile>()

  constructor(folder: string) {
    this.folder = folder
  }

  /** Ascending. */
  list(): number[] {
    return readdirSync(this.folder)
      .map((name) => /^(\d{8})\.seg$/.exec(name)?.[1])
      .filter((digits) => digits !== undefined)
      .map(Number)
      .sort((a, b) => a - b)
  }

  path(segment: number): string {
    return join(this.folder, `${String(segment).padStart(8, '0')}.seg`)
  }

  /** The file and its name in the folder survive a power cut when this returns. Gives the length of its header. */
  create(segment: number): number {
    const fd = openSync(this.path(segment), 'wx', 0o600)
    try {
      writeSync(fd, SEGMENT_HEADER)
      fdatasyncSync(fd)
    } catch (error) {
      rmSync(this.path(segment), { force: true })
      throw error
    } finally {
      closeSync(fd)
    }
    syncFolder(this.folder)
    return SEGMENT_HEADER.length
  }

  /** Exactly `length` bytes, or fewer where the file ends. */
  read(segment: number, offset: number, length: number): Promise<Buffer> {
    return this.#with(segment, async (fd) => {
      const bytes = Buffer.allocUnsafeSlow(length)
      let filled = 0
      while (filled < length) {
        const { bytesRead } = await readAsync(fd, bytes, filled, length - filled, offset + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      return bytes.subarray(0, filled)
    })
  }

  /** Durable when it resolves. */
  append(segment: number, offset: number, buffers: readonly Uint8Array[]): Promise<void> {
    return this.#with(segment, async (fd) => {
      let rest = [...buffers]
      let position = offset
      while (rest.length > 0) {
        // The kernel takes at most 1,024 buffers at once (IOV_MAX) and may take less than it was given.
        const { bytesWritten } = await writevAsync(fd, rest.slice(0, 1024), position)
        position += bytesWritten
        rest = dropBytes(rest, bytesWritten)
      }
      await fdatasyncAsync(fd)
    })
  }

  /** Best effort after a failed write: what stays behind is found to be torn at the next start. */
  truncate(segment: number, length: number): void {
    try {
      truncateSync(this.path(segment), length)
    } catch {}
  }

  size(segment: number): number {
    return statSync(this.path(segment)).size
  }

  /** Removes the name at once; readers that run finish on the open file. */
  remove(segment: number): void {
    rmSync(this.path(segment), { force: true })
    syncFolder(this.folder)
    const file = this.#open.get(segment)
    if (file === undefined) return
    this.#open.delete(segment)
    file.doomed = true
    if (file.users === 0) closeSync(file.fd)
  }

  closeAll(): void {
    for (const { fd } of this.#open.values()) closeSync(fd)
    this.#open.clear()
  }

  async #with<T>(segment: number, work: (fd: number) => Promise<T>): Promise<T> {
    const file = this.#take(segment)
    file.users++
    try {
      return await work(file.fd)
    } finally {
      file.users--
      if (file.doomed && file.users === 0) closeSync(file.fd)
    }
  }

  #take(segment: number): OpenFile {
    const known = this.#open.get(segment)
    const file = known ?? { fd: openSync(this.path(segment), 'r+'), users: 0, doomed: false }
    // Insertion order is use order.
    this.#open.delete(segment)
    this.#open.set(segment, file)
    if (this.#open.size > BLOB_OPEN_FILES_MAX) {
      for (const [other, { fd, users }] of this.#open) {
        if (users > 0 || other === segment) continue
        this.#open.delete(other)
        closeSync(fd)
        break
      }
    }
    return file
  }
}

function dropBytes(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let rest = count
  const kept: Uint8Array[] = []
  for (const buffer of buffers) {
    if (rest >= buffer.length) rest -= buffer.length
    else {
      kept.push(buffer.subarray(rest))
      rest = 0
    }
  }
  return kept
}
