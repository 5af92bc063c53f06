import type { Meter } from '@zerog/ports'
import { ZerogError } from '@zerog/primitives'

/** Checks that a refusal can name; anything else counts as `other`. */
const CHECKS = new Set([
  'form',
  'path',
  'commitment',
  'combination',
  'assignment',
  'layout',
  'epoch',
  'committee',
  'expiry',
  'equivocation',
  'member',
  'capacity',
])

export function nodeMetrics(meter: Meter) {
  const rowsStored = meter.counter({ name: 'zerog_da_rows_stored_total', help: 'Rows that became durable here.' })
  const bytesStored = meter.counter({
    name: 'zerog_da_row_bytes_stored_total',
    help: 'Bytes of rows and paths that became durable here.',
  })
  const refused = meter.counter({
    name: 'zerog_da_puts_refused_total',
    help: 'Bundles whose rows were refused, by the check that refused.',
    labels: ['check'],
  })
  const signed = meter.counter({ name: 'zerog_da_statements_signed_total', help: 'Statements in signed windows.' })
  const pruned = meter.counter({ name: 'zerog_da_bundles_pruned_total', help: 'Promises that ended.' })
  const damaged = meter.counter({ name: 'zerog_da_scrub_damaged_total', help: 'Damages that a scrub found.' })
  const repaired = meter.counter({
    name: 'zerog_da_repairs_total',
    help: 'Attempts to refill a damaged bundle from other members.',
    labels: ['outcome'],
  })
  const putSeconds = meter.histogram({
    name: 'zerog_da_store_rows_seconds',
    help: 'From the first message of PutRows to the sync, for bundles that were not here before.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
  })
  return {
    stored(rows: number, bytes: number, seconds: number) {
      rowsStored.add(rows)
      bytesStored.add(bytes)
      putSeconds.observe(seconds)
    },
    refused(error: unknown) {
      const check = error instanceof ZerogError ? (error.reason === 'DISK_FULL' ? 'capacity' : error.metadata.check) : undefined
      refused.add(1, { check: check !== undefined && CHECKS.has(check) ? check : 'other' })
    },
    signed: (statements: number) => signed.add(statements),
    pruned: (count: number) => pruned.add(count),
    damaged: (count: number) => damaged.add(count),
    repaired: (outcome: 'refilled' | 'failed') => repaired.add(1, { outcome }),
  }
}
