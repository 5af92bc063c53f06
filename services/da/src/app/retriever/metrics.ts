import type { Meter } from '@zerog/ports'

export type RetrieverMetrics = ReturnType<typeof retrieverMetrics>

export function retrieverMetrics(meter: Meter) {
  const seconds = meter.histogram({
    name: 'zerog_da_retrieve_seconds',
    help: 'From the request to the last verified byte.',
    labels: ['outcome'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  })
  const rows = meter.counter({ name: 'zerog_da_rows_read_total', help: 'Rows of members that were verified.' })
  const bytes = meter.counter({ name: 'zerog_da_row_bytes_read_total', help: 'Bytes of verified rows.' })
  const hedges = meter.counter({
    name: 'zerog_da_hedges_total',
    help: 'Reads that turned to other members because an owner was slow, silent or lying.',
  })
  const bans = meter.counter({ name: 'zerog_da_members_banned_total', help: 'Members whose row did not verify, per read.' })
  const decodes = meter.counter({ name: 'zerog_da_decodes_total', help: 'Bundles that were restored from parity rows.' })
  return {
    retrieved: (outcome: 'ok' | 'failed', elapsedSeconds: number) => seconds.observe(elapsedSeconds, { outcome }),
    rows(count: number, sizeBytes: number) {
      rows.add(count)
      bytes.add(sizeBytes)
    },
    hedged: () => hedges.add(),
    banned: () => bans.add(),
    decoded: () => decodes.add(),
  }
}
