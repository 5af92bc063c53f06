import type { Counter, Histogram, Meter } from '@zerog/ports'

export type EvidenceMetrics = {
  readonly batches: Counter
  readonly files: Counter
  readonly brokenLinks: Counter
  readonly fileBytes: Histogram
  readonly collectSeconds: Histogram
}

export function evidenceMetrics(meter: Meter): EvidenceMetrics {
  const name = (rest: string) => `zerog_compute_broker_evidence_${rest}`
  return {
    batches: meter.counter({
      name: name('batches_total'),
      help: 'Settled batches by what became of their evidence: kept, refused (no file holds), failed (tried again).',
      labels: ['outcome'],
    }),
    files: meter.counter({
      name: name('files_total'),
      help: 'Evidence of single answers that was asked for, by outcome: served, waiting, refused.',
      labels: ['outcome'],
    }),
    brokenLinks: meter.counter({
      name: name('broken_links_total'),
      help: 'Links that kept a file from being handed out, by name.',
      labels: ['link'],
    }),
    fileBytes: meter.histogram({
      name: name('file_bytes'),
      help: 'Size of evidence that was put together.',
      buckets: [4_096, 8_192, 16_384, 32_768, 65_536, 131_072, 262_144],
    }),
    collectSeconds: meter.histogram({
      name: name('collect_seconds'),
      help: 'Time to collect and verify the evidence of a batch.',
      buckets: [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60],
    }),
  }
}
