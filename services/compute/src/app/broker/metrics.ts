import type { Counter, Gauge, Histogram, Meter } from '@zerog/ports'

export type BrokerMetrics = {
  readonly requests: Counter
  readonly tokens: Counter
  readonly feesWei: Counter
  readonly usageClamped: Counter
  readonly requestSeconds: Histogram
  readonly firstByteSeconds: Histogram
  readonly durableSeconds: Histogram
  readonly batches: Counter
  readonly settlements: Counter
  readonly settledWei: Counter
  readonly chainRefusals: Counter
  readonly openBatchAge: Gauge
  readonly unsettledWei: Gauge
  readonly unsettledAge: Gauge
}

const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120]
const DURABLE_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30]

export function brokerMetrics(
  meter: Meter,
  of: {
    readonly running: () => number
    readonly reservedWei: () => bigint
    readonly workers: () => number
    readonly height: () => bigint
  },
): BrokerMetrics {
  meter.gauge({ name: 'zerog_compute_broker_running_count', help: 'Requests that run now.', read: of.running })
  meter.gauge({
    name: 'zerog_compute_broker_reserved_wei',
    help: 'Highest possible fees of running requests.',
    read: () => Number(of.reservedWei()),
  })
  meter.gauge({ name: 'zerog_compute_broker_workers_count', help: 'Workers that answer this broker.', read: of.workers })
  meter.gauge({
    name: 'zerog_compute_broker_height_blocks',
    help: 'Last finalized block whose events were applied.',
    read: () => Number(of.height()),
  })
  const counter = (name: string, help: string, labels: readonly string[] = []) =>
    meter.counter({ name: `zerog_compute_broker_${name}_total`, help, labels })
  return {
    requests: counter('requests', 'Requests by route and HTTP status.', ['route', 'status']),
    tokens: counter('tokens', 'Billed tokens.', ['kind']),
    feesWei: counter('fees_wei', 'Fees of receipts that became billable.'),
    usageClamped: counter('usage_clamped', 'Answers whose engine claimed more tokens than were asked for.'),
    requestSeconds: meter.histogram({
      name: 'zerog_compute_broker_request_seconds',
      help: 'Time from the request to the last byte of its answer.',
      labels: ['route'],
      buckets: SECONDS,
    }),
    firstByteSeconds: meter.histogram({
      name: 'zerog_compute_broker_first_byte_seconds',
      help: 'Time from the request to the first byte of a streamed answer.',
      buckets: SECONDS,
    }),
    durableSeconds: meter.histogram({
      name: 'zerog_compute_broker_durable_seconds',
      help: 'Time until a signed receipt was durable, which its answer waits for.',
      buckets: DURABLE_SECONDS,
    }),
    batches: counter('batches', 'Batches by the step that they reached.', ['step']),
    settlements: counter('settlements', 'Users settled, by outcome.', ['status']),
    settledWei: counter('settled_wei', 'Fees that the contract paid.'),
    chainRefusals: counter('chain_refusals', 'Transactions that the chain refused.', ['step']),
    openBatchAge: meter.gauge({
      name: 'zerog_compute_broker_open_batch_seconds',
      help: 'Age of the batch that is being settled; 0 for none.',
    }),
    unsettledWei: meter.gauge({
      name: 'zerog_compute_broker_unsettled_wei',
      help: 'Billable fees that are in no batch yet, when settlement last looked.',
    }),
    unsettledAge: meter.gauge({
      name: 'zerog_compute_broker_unsettled_oldest_seconds',
      help: 'Age of the oldest receipt that is billable and in no batch, when settlement last looked.',
    }),
  }
}
