import { availableParallelism } from 'node:os'
import { createThreadPool, type ThreadPool } from '@zerog/kernels/threads'
import { toHex } from '@zerog/primitives'
import type { Transaction } from '../executor.ts'
import { RECOVERY_BATCH_MIN, RECOVERY_JOBS_WAITING_MAX, RECOVERY_THREADS_MAX } from '../limits.ts'
import { RECOVERED_BYTES, recoverPacked } from './signature.ts'
import { SIGNING_BYTES, writeSigning } from './signing.ts'
import { decodeTransaction } from './transaction.ts'

/** Decodes signed transactions, the senders of large batches recovered on other threads. */
export type SenderRecovery = {
  /** What `decodeTransaction` returns or throws, for each in order. Never rejects. */
  decodeAll(
    raws: readonly Uint8Array[],
    options: { readonly chainId?: bigint },
  ): Promise<readonly (Transaction | { readonly error: unknown })[]>
  /** The senders of a block's transactions, 20 bytes each; undefined where one has none. Whether the rest is sound says the decoder. */
  senders(raws: readonly Uint8Array[]): Promise<Uint8Array | undefined>
  /** Batches that are with the threads. */
  readonly busy: number
  /** Resolves when none is, at once if so. */
  idle(): Promise<void>
  /** Ends the threads. */
  close(): Promise<void>
}

export type RecoveryJob = { readonly input: ArrayBuffer; readonly count: number }
export type RecoveryResult = { readonly input: ArrayBuffer; readonly senders: ArrayBuffer }

export type SenderRecoveryOptions = {
  /** Default: one less than cores, at most 4. 0: everything on this thread. */
  readonly threads?: number
}

/**
 * A recovery costs 70 µs, half of what a transfer costs altogether, and is the one part that others can do: 97 bytes go there and 21 come back.
 * Below 64 transactions the message costs more than it brings, so those are recovered here. Threads start with the first large batch.
 */
export function createSenderRecovery(options: SenderRecoveryOptions = {}): SenderRecovery {
  const { threads = Math.max(1, Math.min(RECOVERY_THREADS_MAX, availableParallelism() - 1)) } = options
  const pool = threads === 0 ? undefined : recoveryPool(threads)
  let busy = 0
  const waiting: (() => void)[] = []
  const done = (): void => {
    busy -= 1
    if (busy === 0) for (const wake of waiting.splice(0)) wake()
  }

  const recovered = async (raws: readonly Uint8Array[]): Promise<Recovered> => {
    const input = new Uint8Array(raws.length * SIGNING_BYTES)
    const known = raws.map((raw, index) => writeSigning(raw, input.subarray(index * SIGNING_BYTES, (index + 1) * SIGNING_BYTES)))
    if (pool === undefined || raws.length < RECOVERY_BATCH_MIN) return { known, senders: recoverPacked(input, raws.length) }
    busy += 1
    // A thread that died or a full queue only costs time.
    const senders = await onThreads(pool, threads, input).catch(() => recoverPacked(input, raws.length))
    // After the caller went on with what it gets.
    setImmediate(done)
    return { known, senders }
  }

  return {
    get busy() {
      return busy
    },
    idle: () => (busy === 0 ? Promise.resolve() : new Promise((resolve) => void waiting.push(resolve))),
    async decodeAll(raws, { chainId }) {
      const found = await recovered(raws)
      return raws.map((raw, index) => {
        const sender = senderAt(found, index)
        try {
          // Without a sender the decoder says what is wrong, in geth's words.
          return decodeTransaction(raw, {
            ...(chainId !== undefined && { chainId }),
            ...(sender !== undefined && { sender: toHex(sender) }),
          })
        } catch (error) {
          return { error }
        }
      })
    },
    async senders(raws) {
      const found = await recovered(raws)
      const out = new Uint8Array(20 * raws.length)
      for (let index = 0; index < raws.length; index++) {
        const sender = senderAt(found, index)
        if (sender === undefined) return undefined
        out.set(sender, 20 * index)
      }
      return out
    },
    close: async () => pool?.close(),
  }
}

type Recovered = { readonly known: readonly boolean[]; readonly senders: Uint8Array }

function senderAt({ known, senders }: Recovered, index: number): Uint8Array | undefined {
  const at = index * RECOVERED_BYTES
  return known[index] === true && senders[at + 20] === 1 ? senders.subarray(at, at + 20) : undefined
}

/** In parts of equal size, one for each thread. */
async function onThreads(pool: ThreadPool<RecoveryJob, RecoveryResult>, threads: number, input: Uint8Array): Promise<Uint8Array> {
  const count = input.length / SIGNING_BYTES
  const each = Math.ceil(count / threads)
  const parts = Array.from({ length: Math.ceil(count / each) }, (_, part) => {
    const slice = input.slice(part * each * SIGNING_BYTES, (part + 1) * each * SIGNING_BYTES)
    return pool.run(() => ({ input: slice.buffer, count: slice.length / SIGNING_BYTES }))
  })
  const senders = new Uint8Array(count * RECOVERED_BYTES)
  for (const [part, result] of (await Promise.all(parts)).entries()) {
    senders.set(new Uint8Array(result.senders), part * each * RECOVERED_BYTES)
  }
  return senders
}

function recoveryPool(threads: number): ThreadPool<RecoveryJob, RecoveryResult> {
  // The same suffix as this file: .ts from source, .js from a build.
  const suffix = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  return createThreadPool<RecoveryJob, RecoveryResult>({
    workerUrl: new URL(`./recovery-worker${suffix}`, import.meta.url),
    threads,
    queue: { max: RECOVERY_JOBS_WAITING_MAX, full: () => new Error('too many batches wait for the recovery of their senders') },
    transfer: ({ input }) => [input],
    errors: {
      closed: () => new Error('the recovery of senders is closed'),
      lost: (cause) => new Error('a thread that recovers senders died', { cause }),
    },
  })
}
