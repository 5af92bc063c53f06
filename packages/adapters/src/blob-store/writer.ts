import { assert, ZerogError } from '@zerog/primitives'
import { codeOf, folderError } from '../folder.ts'
import { BLOB_BATCH_BYTES, BLOB_QUEUE_BYTES_MAX } from '../limits.ts'
import type { SegmentFiles } from './segment-files.ts'
import { type Durable, Watermark } from './watermark.ts'

/** Where a record ended up, told before `append` resolves. */
export type Appended = (place: { readonly segment: number; readonly offset: number }) => void

type Job = {
  readonly buffers: readonly Uint8Array[]
  readonly length: number
  readonly done: Appended
  readonly failed: (error: unknown) => void
}

/** Appends records in the order in which they came. Everybody who waits while a sync runs shares the next one. */
export class SegmentWriter {
  readonly #files: SegmentFiles
  readonly #segmentBytes: number
  readonly #watermark: Watermark
  readonly #sealed: (segment: number) => void
  readonly #queue: Job[] = []
  #queuedBytes = 0
  #tail: { segment: number; offset: number } | undefined
  #segmentNext: number
  #running: Promise<void> | undefined

  constructor(
    files: SegmentFiles,
    options: { readonly tail: Durable | undefined; readonly segmentBytes: number; readonly sealed: (segment: number) => void },
  ) {
    this.#files = files
    this.#segmentBytes = options.segmentBytes
    this.#sealed = options.sealed
    this.#tail = options.tail && { ...options.tail }
    this.#segmentNext = (options.tail?.segment ?? 0) + 1
    this.#watermark = new Watermark(files.folder)
    // What survived recovery is handed out to readers from now on, so it counts as promised.
    if (options.tail !== undefined) this.#watermark.write(options.tail)
  }

  /** Everything before this place is durable. */
  get tail(): Durable | undefined {
    return this.#tail
  }

  /** `length` is that of all buffers together. Resolves when the record is durable and `done` has been told its place. */
  append(buffers: readonly Uint8Array[], length: number, done: Appended): Promise<void> {
    if (this.#queuedBytes + length > BLOB_QUEUE_BYTES_MAX) {
      throw new ZerogError('QUEUE_FULL', {
        message: `${this.#files.folder} has ${this.#queuedBytes} bytes waiting for the disk; try again shortly`,
        retryAfterMs: 200,
      })
    }
    return new Promise((resolve, reject) => {
      const job: Job = {
        buffers,
        length,
        done: (place) => {
          done(place)
          resolve()
        },
        failed: reject,
      }
      this.#queue.push(job)
      this.#queuedBytes += length
      this.#running ??= this.#run()
    })
  }

  async close(): Promise<void> {
    await this.#running
    assert(this.#queue.length === 0, 'nothing may wait in a writer that closes')
    this.#watermark.close()
  }

  async #run() {
    // Everything of this turn of the event loop joins the first batch.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch()
      try {
        await this.#writeBatch(batch)
      } catch (error) {
        const mapped = folderError(error, this.#files.folder)
        for (const job of batch) job.failed(mapped)
      }
    }
    this.#running = undefined
  }

  #takeBatch(): Job[] {
    const batch: Job[] = []
    let bytes = 0
    // A segment is exceeded by at most one batch, and never begun for nothing.
    while (this.#queue[0] !== undefined && (batch.length === 0 || bytes + this.#queue[0].length <= BLOB_BATCH_BYTES)) {
      const job = this.#queue.shift() as Job
      bytes += job.length
      batch.push(job)
    }
    this.#queuedBytes -= bytes
    return batch
  }

  async #writeBatch(batch: readonly Job[]) {
    const tail = this.#tailWithRoom()
    const start = tail.offset
    try {
      await this.#files.append(
        tail.segment,
        start,
        batch.flatMap(({ buffers }) => buffers),
      )
    } catch (error) {
      this.#files.truncate(tail.segment, start)
      // A full disk refuses before anything is promised. After a failed sync nobody knows what is on disk: leave that file alone.
      const code = codeOf(error)
      if (code !== 'ENOSPC' && code !== 'EDQUOT') this.#tail = undefined
      throw error
    }
    for (const job of batch) tail.offset += job.length
    this.#watermark.write(tail)
    let offset = start
    for (const job of batch) {
      job.done({ segment: tail.segment, offset })
      offset += job.length
    }
  }

  #tailWithRoom(): { segment: number; offset: number } {
    if (this.#tail !== undefined && this.#tail.offset < this.#segmentBytes) return this.#tail
    const full = this.#tail?.segment
    const segment = this.#segmentNext
    const offset = this.#files.create(segment)
    this.#segmentNext++
    this.#tail = { segment, offset }
    if (full !== undefined) this.#sealed(full)
    return this.#tail
  }
}
