import { layHeader } from '@zerog/erasure'
import { createThreadPool } from '@zerog/kernels/threads'
import { assert, budget, ZerogError } from '@zerog/primitives'
import type { CodedBundle, Coder, CodingJob } from '../../app/encoder/coder.ts'
import { ARENAS_KEPT_MAX, CODED_TOGETHER_BYTES, CODING_JOBS_WAITING_MAX } from '../../core/disperser/limits.ts'
import { HASH_BYTES } from '../../limits.ts'
import { arenaBytes, arenaOf, type EncodeJob, type EncodeResult } from './encode-job.ts'

/**
 * Threads that encode bundles in shared memory: nothing is copied between them and the event loop. Memory of released jobs is kept for
 * the next bundle of that size, because fresh pages cost as much as a tenth of the encoding.
 */
export function encodePool(options: { readonly threads: number; readonly memoryBytesMax: number }): Coder {
  const workerUrl = new URL(`./encode-worker${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)
  const memory = budget({ max: options.memoryBytesMax, queueMax: CODING_JOBS_WAITING_MAX })
  const arenas = arenaShelf(options.memoryBytesMax)
  const threads = createThreadPool<EncodeJob, EncodeResult>({
    workerUrl,
    threads: options.threads,
    // Without a queue's bound: every job holds its part of the budget.
    errors: { closed: shuttingDown, lost: threadLost },
  })
  /** Threads that have a job. */
  let busy = 0
  const run = (job: EncodeJob): Promise<EncodeResult> => {
    busy++
    return threads.run(() => job).finally(() => busy--)
  }

  return {
    async open(layout, payloadBytes, signal): Promise<CodingJob> {
      const bytes = arenaBytes(layout)
      const giveBack = await memory.take(bytes, signal)
      const job: EncodeJob = { memory: arenas.take(bytes), layout, payloadBytes }
      const arena = arenaOf(job)
      let working: Promise<unknown> = Promise.resolve()
      let released = false
      return {
        layout,
        payload: arena.payload,
        async encode() {
          const { rows, control } = arena
          layHeader(rows.subarray(0, layout.k * layout.rowBytes), payloadBytes)
          control.fill(0)
          // Threads that have nothing to do take a part of it: never more than are free, so that no bundle waits for another one.
          const together = payloadBytes < CODED_TOGETHER_BYTES ? 1 : Math.max(1, options.threads - busy)
          const running = Array.from({ length: together }, () => run(job))
          working = Promise.allSettled(running)
          const result = await Promise.race(running)
          if ('problem' in result) throw new ZerogError('INTERNAL', { message: `encoding failed: ${result.problem}` })
          return view(job, result)
        },
        release() {
          assert(!released, 'a job is released once')
          released = true
          void working.then(() => {
            arenas.keep(job.memory)
            giveBack()
          })
        },
      }
    },
    stats: () => ({ usedBytes: memory.used(), waiting: memory.waiting() }),
    close: () => threads.close(),
  }
}

function view(job: EncodeJob, result: Exclude<EncodeResult, { problem: string }>): CodedBundle {
  const { layout } = job
  const { rows, nodes, rlc } = arenaOf(job)
  const rowCount = layout.k + layout.n
  const words = new Int32Array(nodes.buffer, nodes.byteOffset, nodes.length / 4)
  return {
    ...result,
    layout,
    rlc,
    row: (index) => rows.subarray(index * layout.rowBytes, (index + 1) * layout.rowBytes),
    copyPath(index, target) {
      // By words: views of 32 bytes would take most of the time, and copies between shared memory and odd addresses go byte by byte.
      const out = wordsOf(target)
      let at = 0
      for (let place = rowCount + index; place > 1; place >>= 1) {
        const from = (place ^ 1) * HASH_WORDS
        for (let word = from; word < from + HASH_WORDS; word++) out[at++] = words[word] as number // within the tree
      }
      if (out.buffer !== target.buffer) target.set(new Uint8Array(out.buffer))
    },
  }
}

const HASH_WORDS = HASH_BYTES / 4

/** `bytes` as words, a copy where they do not begin at a multiple of 4. */
function wordsOf(bytes: Uint8Array): Int32Array {
  return bytes.byteOffset % 4 === 0
    ? new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
    : new Int32Array(bytes.length / 4)
}

/** Memory of released jobs by size; together never more than the budget, so that keeping costs no extra bound. */
function arenaShelf(bytesMax: number) {
  let kept: SharedArrayBuffer[] = []
  const keptBytes = () => kept.reduce((sum, arena) => sum + arena.byteLength, 0)
  return {
    /** The smallest that fits and is not twice too large. */
    take(bytes: number): SharedArrayBuffer {
      const fitting = kept.filter(({ byteLength }) => byteLength >= bytes && byteLength <= 2 * bytes)
      const best = fitting.sort((a, b) => a.byteLength - b.byteLength)[0]
      if (best === undefined) return new SharedArrayBuffer(bytes)
      kept = kept.filter((arena) => arena !== best)
      return best
    },
    keep(arena: SharedArrayBuffer): void {
      kept.push(arena)
      while (kept.length > ARENAS_KEPT_MAX || keptBytes() > bytesMax / 4) kept.shift()
    },
  }
}

function threadLost(cause: unknown): ZerogError {
  return new ZerogError('DEPENDENCY_UNAVAILABLE', { message: 'a coding thread died; the bundle is coded again', cause })
}

function shuttingDown(): ZerogError {
  return new ZerogError('SHUTTING_DOWN', { message: 'the encoder is shutting down; call another instance' })
}
