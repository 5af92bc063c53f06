import { parentPort } from 'node:worker_threads'
import { encodePayload } from '@zerog/erasure'
import { arenaOf, type EncodeJob, type EncodeResult } from './encode-job.ts'

/** Encodes in place: the payload lies where the original rows begin, parity, hashes and vector go behind it. */
parentPort?.on('message', (job: EncodeJob) => parentPort?.postMessage(answer(job)))

function answer(job: EncodeJob): EncodeResult {
  const startMs = performance.now()
  try {
    const { rows, payload, nodes, rlc } = arenaOf(job)
    const encoded = encodePayload(payload, job.layout, { space: rows })
    nodes.set(encoded.rowNodes)
    rlc.set(encoded.rlc)
    return { commitment: encoded.commitment, rowRoot: encoded.rowRoot, encodeMs: performance.now() - startMs }
  } catch (error) {
    return { problem: String(error) }
  }
}
