import type { Counter, Histogram, Meter } from '@zerog/ports'
import type { DisperserCounts } from './repository.ts'

export type DisperserMetrics = {
  readonly acceptedBlobs: Counter
  readonly acceptedBytes: Counter
  readonly bundles: Counter
  readonly bundleBytes: Histogram
  readonly timeToCertificate: Histogram
  readonly timeToFinal: Histogram
  readonly windows: Counter
  readonly windowBundles: Histogram
  readonly memberOutcomes: Counter
  readonly bisections: Counter
  readonly liars: Counter
  readonly transactions: Counter
  readonly gas: Counter
  readonly failures: Counter
}

const LATENCY_SECONDS = [0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 0.7, 1, 2, 5, 15, 60]

export function disperserMetrics(meter: Meter, counts: () => DisperserCounts | undefined): DisperserMetrics {
  for (const state of ['queued', 'dispersing', 'certified', 'failed'] as const) {
    meter.gauge({
      name: `zerog_da_blobs_${state}_count`,
      help: `Blobs of all dispersers in state ${state} whose bytes are still kept.`,
      read: () => counts()?.[state] ?? 0,
    })
  }
  const counter = (name: string, help: string, labels?: readonly string[]) =>
    meter.counter({ name, help, ...(labels && { labels }) })
  return {
    acceptedBlobs: counter('zerog_da_blobs_accepted_total', 'Blobs accepted, by face.', ['face']),
    acceptedBytes: counter('zerog_da_blob_bytes_accepted_total', 'Blob bytes accepted.'),
    bundles: counter('zerog_da_bundles_total', 'Bundles made, by what closed them.', ['reason']),
    bundleBytes: meter.histogram({
      name: 'zerog_da_bundle_bytes',
      help: 'Size of bundles with their lists.',
      buckets: [1024, 16_384, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864, 134_217_728],
    }),
    timeToCertificate: meter.histogram({
      name: 'zerog_da_certificate_seconds',
      help: 'From the making of a bundle to its certificate.',
      buckets: LATENCY_SECONDS,
    }),
    timeToFinal: meter.histogram({
      name: 'zerog_da_final_seconds',
      help: 'From the certificate of a window to its finalized block.',
      buckets: LATENCY_SECONDS,
    }),
    windows: counter('zerog_da_windows_total', 'Windows by outcome.', ['outcome']),
    windowBundles: meter.histogram({
      name: 'zerog_da_window_bundles',
      help: 'Bundles per window.',
      buckets: [1, 2, 4, 8, 16, 32, 64, 256],
    }),
    memberOutcomes: counter('zerog_da_sign_outcomes_total', 'What members answered when they were asked to sign.', ['outcome']),
    bisections: counter('zerog_da_bisections_total', 'Sums of signatures that did not verify.'),
    liars: counter('zerog_da_bad_signatures_total', 'Signatures that were not what their member should have signed.'),
    transactions: counter('zerog_da_transactions_total', 'Certificate transactions, by outcome.', ['outcome']),
    gas: counter('zerog_da_transaction_gas_total', 'Gas of certificate transactions.'),
    failures: counter('zerog_da_bundles_failed_total', 'Bundles given up.', ['reason']),
  }
}
