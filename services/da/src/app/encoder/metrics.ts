import type { Meter } from '@zerog/ports'
import type { Coder } from './coder.ts'

export type EncoderMetrics = {
  coded(payloadBytes: number, encodeMs: number): void
  /** `outcome`: stored, or a reason. */
  member(outcome: string, durationMs: number): void
}

/** Reasons that a member may end with under their own name; all others count as `other`. */
const OUTCOMES = [
  'stored',
  'DEPENDENCY_UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'QUEUE_FULL',
  'DISK_FULL',
  'PROOF_INVALID',
  'ENCODING_INVALID',
  'CANCELLED',
]

export function encoderMetrics(meter: Meter, coder: Coder): EncoderMetrics {
  const bytes = meter.counter({ name: 'zerog_da_encoded_bytes_total', help: 'Bundle bytes that were coded.' })
  const seconds = meter.histogram({
    name: 'zerog_da_encode_seconds',
    help: 'Time of a thread for coding and committing to one bundle.',
    buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
  })
  const members = meter.counter({
    name: 'zerog_da_member_outcomes_total',
    help: 'What became of the rows of one bundle at one member.',
    labels: ['outcome'],
  })
  const puts = meter.histogram({
    name: 'zerog_da_put_rows_seconds',
    help: 'Time until one member had stored its rows of one bundle.',
    buckets: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30],
  })
  meter.gauge({
    name: 'zerog_da_coding_memory_bytes',
    help: 'Memory of bundles that are coded or handed out.',
    read: () => coder.stats().usedBytes,
  })
  meter.gauge({
    name: 'zerog_da_coding_waiting_count',
    help: 'Bundles that wait for memory of the encoder.',
    read: () => coder.stats().waiting,
  })
  return {
    coded(payloadBytes, encodeMs) {
      bytes.add(payloadBytes)
      seconds.observe(encodeMs / 1000)
    },
    member(outcome, durationMs) {
      members.add(1, { outcome: OUTCOMES.includes(outcome) ? outcome : 'other' })
      if (outcome === 'stored') puts.observe(durationMs / 1000)
    },
  }
}
