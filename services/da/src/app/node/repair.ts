import type { Statement } from '@zerog/availability'
import { readPayload } from '@zerog/erasure'
import type { Logger, Meter } from '@zerog/ports'
import { equalBytes, toHex, ZerogError } from '@zerog/primitives'
import { HASH_BYTES, JOB_BATCH_MAX, ROWS_MESSAGE_BYTES } from '../../limits.ts'
import type { CodedBundle, Coder } from '../encoder/coder.ts'
import type { Retriever } from '../retriever/retriever.ts'
import type { DaNode } from './da-node.ts'
import { nodeMetrics } from './metrics.ts'
import type { SentRow } from './put-rows.ts'

export type RepairDeps = {
  readonly node: DaNode
  readonly retriever: Pick<Retriever, 'recover'>
  readonly coder: Coder
  readonly meter: Meter
  readonly logger: Logger
}

/**
 * Refills what is promised and damaged: any k rows from the others, encoded again, and of that the rows that are this member's own.
 * @returns how many bundles are whole again
 */
export async function repairAll(deps: RepairDeps, signal: AbortSignal): Promise<number> {
  const metrics = nodeMetrics(deps.meter)
  let refilled = 0
  for (const bundle of deps.node.damaged().slice(0, JOB_BATCH_MAX)) {
    signal.throwIfAborted()
    try {
      await refill(bundle, deps, signal)
      refilled++
      metrics.repaired('refilled')
      deps.logger.info('rows_refilled', { commitment: toHex(bundle.commitment), epoch: bundle.epoch })
    } catch (error) {
      if (signal.aborted) throw error
      metrics.repaired('failed')
      deps.logger.warn('rows_not_refilled', { commitment: toHex(bundle.commitment), error: String(error) })
    }
  }
  return refilled
}

async function refill(bundle: Statement, { node, retriever, coder }: RepairDeps, signal: AbortSignal): Promise<void> {
  const payload = readPayload(await retriever.recover(bundle, node.stats().key, signal))
  const { k, n, rowBytes } = bundle
  const job = await coder.open({ k, n, rowBytes }, payload.length, signal)
  try {
    job.payload.set(payload)
    const coded = await job.encode(signal)
    if (!equalBytes(coded.commitment, bundle.commitment)) {
      throw new ZerogError('VERIFICATION_FAILED', {
        message: 'k verified rows give another commitment: whoever committed did not encode as the code says',
        metadata: { commitment: toHex(bundle.commitment) },
      })
    }
    const header = { bundle, rlc: coded.rlc, rowRoot: coded.rowRoot }
    await node.refill(header, (indexes) => rowsOf(coded, indexes), signal)
  } finally {
    job.release()
  }
}

async function* rowsOf(coded: CodedBundle, indexes: Uint32Array): AsyncGenerator<readonly SentRow[]> {
  const rowsAtOnce = Math.max(1, Math.floor(ROWS_MESSAGE_BYTES / coded.layout.rowBytes))
  for (let at = 0; at < indexes.length; at += rowsAtOnce) {
    yield Array.from(indexes.subarray(at, at + rowsAtOnce), (index) => ({
      index,
      row: coded.row(index),
      path: pathOf(coded, index),
    }))
  }
}

function pathOf(coded: CodedBundle, index: number): Uint8Array {
  const path = new Uint8Array(Math.log2(coded.layout.k + coded.layout.n) * HASH_BYTES)
  coded.copyPath(index, path)
  return path
}
