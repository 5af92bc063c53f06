import type { Counter, Gauge, Meter } from '@zerog/ports'
import type { Budget } from '@zerog/primitives'
import type { NodeDirectory } from './directory.ts'

export type GatewayMetrics = {
  readonly uploadedBytes: Counter
  readonly readBytes: Counter
  readonly submissions: Counter
  readonly filesFinalized: Counter
  readonly damagedReplicas: Counter
  readonly repairedBytes: Counter
  readonly repairs: RepairMetrics
}

export type RepairMetrics = { readonly lacking: Gauge; readonly incomplete: Gauge; readonly lost: Gauge }

export function gatewayMetrics(meter: Meter, of: { readonly bytes: Budget; readonly directory: NodeDirectory }): GatewayMetrics {
  meter.gauge({
    name: 'zerog_storage_upload_in_flight_bytes',
    help: 'Segment bytes on their way to nodes.',
    read: () => of.bytes.used(),
  })
  meter.gauge({
    name: 'zerog_storage_upload_waiting_count',
    help: 'Uploads that wait for room.',
    read: () => of.bytes.waiting(),
  })
  meter.gauge({
    name: 'zerog_storage_nodes_reachable_count',
    help: 'Storage nodes that answer this gateway.',
    read: () => of.directory.reachable().length,
  })
  return {
    uploadedBytes: meter.counter({
      name: 'zerog_storage_uploaded_bytes_total',
      help: 'Segment bytes accepted.',
      labels: ['outcome'],
    }),
    readBytes: meter.counter({ name: 'zerog_storage_read_bytes_total', help: 'Verified bytes served.' }),
    submissions: meter.counter({ name: 'zerog_storage_submissions_total', help: 'Submit events applied.' }),
    filesFinalized: meter.counter({ name: 'zerog_storage_files_finalized_total', help: 'Files finalized by this gateway.' }),
    damagedReplicas: meter.counter({
      name: 'zerog_storage_damaged_replicas_total',
      help: 'Segments that a replica could not prove.',
    }),
    repairedBytes: meter.counter({ name: 'zerog_storage_repaired_bytes_total', help: 'Segment bytes written by repair.' }),
    repairs: {
      lacking: meter.gauge({
        name: 'zerog_storage_ranges_under_replicated_count',
        help: 'Ranges of final files with fewer holders than wanted, at most one batch of repair; shown by the gateway that leads repair.',
      }),
      incomplete: meter.gauge({
        name: 'zerog_storage_replicas_incomplete_count',
        help: 'Replicas of final files that lack segments, at most one batch of repair; shown by the gateway that leads repair.',
      }),
      lost: meter.gauge({
        name: 'zerog_storage_replicas_unreachable_count',
        help: 'Replicas on nodes that do not answer, at most one batch of each node; shown by the gateway that leads repair.',
      }),
    },
  }
}
