import { parentPort } from 'node:worker_threads'
import { encodeTogether } from '@zerog/erasure'
import { arenaOf, type EncodeJob, type EncodeResult } from './encode-job.ts'

/** Encodes in place, with other threads or alone: the payload lies where the original rows begin, parity, hashes and vector go behind it. */
parentPort?.on('message', (job: EncodeJob) => parentPort?.postMessage(answer(job)))

function answer(job: EncodeJob): EncodeResult {
  const startMs = performance.now()
  try {
    return { ...encodeTogether(arenaOf(job), job.layout), encodeMs: performance.now() - startMs }
  } catch (error) {
    return { problem: String(error) }
  }
}
