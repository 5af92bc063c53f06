import { type Alert, componentOf, type Layer, targetsOf } from './model.ts'
import { burnAlerts } from './slo.ts'

/** All alerts of a layer's chart: what every target can suffer from, its budget of errors, and what is its own. */
export function alertsOf(layer: Layer): readonly Alert[] {
  return [...common(layer), ...burnAlerts(layer), ...OWN[layer]]
}

/** Layers whose targets have servers outside (values.yaml: needs). */
const HAS_SERVERS: ReadonlySet<Layer> = new Set(['storage', 'da', 'compute', 'gateway'])
const IS_CALLED: ReadonlySet<Layer> = new Set(['chain', 'storage', 'da', 'compute'])

function common(layer: Layer): readonly Alert[] {
  const targets = targetsOf(layer)
  const component = componentOf(layer)
  const servers: Alert = {
    name: 'ZerogServerLost',
    expr: `min by (namespace, server) (zerog_runtime_server_up{${component}}) == 0`,
    for: '2m',
    severity: 'page',
    summary: `{{ $labels.server }} does not answer targets of layer ${layer}.`,
    runbook: 'server-lost',
  }
  const certificate: Alert = {
    name: 'ZerogCertificateEnds',
    expr: `min by (namespace, target) (zerog_tls_certificate_expiry_seconds{${targets}}) - time() < 604800`,
    for: '1h',
    severity: 'ticket',
    summary: 'The certificate of {{ $labels.target }} ends within 7 days, and nothing renewed it.',
    runbook: 'certificate-ends',
  }
  return [
    {
      name: 'ZerogTargetDown',
      expr: `up{${component}} == 0`,
      for: '5m',
      severity: 'page',
      summary: `{{ $labels.job }} ({{ $labels.instance }}) of layer ${layer} cannot be scraped.`,
      runbook: 'target-down',
    },
    {
      name: 'ZerogTargetNotReady',
      expr: `max by (namespace, target, replica) (zerog_runtime_ready{${targets}}) == 0`,
      for: '10m',
      severity: 'ticket',
      summary: '{{ $labels.target }} {{ $labels.replica }} runs and takes no traffic.',
      runbook: 'target-not-ready',
    },
    {
      name: 'ZerogDiskNearlyFull',
      expr: `min by (namespace, target, replica) (zerog_runtime_disk_free_bytes{${targets}} / zerog_runtime_disk_size_bytes{${targets}}) < 0.1`,
      for: '10m',
      severity: 'page',
      summary: 'The disk of {{ $labels.target }} {{ $labels.replica }} has less than a tenth left.',
      runbook: 'disk-nearly-full',
    },
    {
      name: 'ZerogEventLoopBlocked',
      expr: `max by (namespace, job, instance) (nodejs_eventloop_lag_p99_seconds{${component}}) > 0.5`,
      for: '10m',
      severity: 'ticket',
      summary: '{{ $labels.job }} ({{ $labels.instance }}) turns to new work only after half a second.',
      runbook: 'event-loop-blocked',
    },
    ...(HAS_SERVERS.has(layer) ? [servers] : []),
    ...(IS_CALLED.has(layer) ? [certificate] : []),
  ]
}

const OWN: Readonly<Record<Layer, readonly Alert[]>> = {
  chain: [
    {
      name: 'ZerogFinalityStalled',
      expr: 'max by (namespace) (zerog_chain_pool_executable) == 1 and max by (namespace) (delta(zerog_chain_head_height{target="chain-validator"}[5m])) == 0',
      for: '2m',
      severity: 'page',
      summary: 'Transactions wait, and for 5 minutes no block became final.',
      runbook: 'finality-stalled',
    },
    {
      name: 'ZerogReplicaBehind',
      expr: 'min by (namespace, replica) (max by (namespace) (zerog_chain_head_height{target="chain-validator"}) - on (namespace) group_right () zerog_chain_head_height{target="chain-rpc"}) > 50',
      for: '5m',
      severity: 'ticket',
      summary: 'chain-rpc {{ $labels.replica }} is {{ $value }} blocks behind the validator.',
      runbook: 'replica-behind',
    },
  ],
  storage: [
    {
      name: 'ZerogStorageUnderReplicated',
      expr: 'max by (namespace) (zerog_storage_ranges_under_replicated_count) + max by (namespace) (zerog_storage_replicas_incomplete_count) + max by (namespace) (zerog_storage_replicas_unreachable_count) > 0',
      for: '30m',
      severity: 'page',
      summary: '{{ $value }} replicas of final files are missing, and repair has not brought them back in half an hour.',
      runbook: 'storage-under-replicated',
    },
    {
      name: 'ZerogStorageDamaged',
      expr: 'sum by (namespace, replica) (increase(zerog_storage_scrub_damaged_total[1h])) > 0',
      for: '0m',
      severity: 'ticket',
      summary: 'A scrub of storage-node {{ $labels.replica }} found damaged segments.',
      runbook: 'stored-data-damaged',
    },
    {
      name: 'ZerogStorageNodeNearlyFull',
      expr: 'zerog_storage_node_used_bytes / zerog_storage_node_capacity_bytes > 0.9',
      for: '30m',
      severity: 'ticket',
      summary: 'storage-node {{ $labels.replica }} uses nine tenths of what it offers.',
      runbook: 'node-nearly-full',
    },
    {
      name: 'ZerogStorageBehindChain',
      expr: 'max by (namespace) (zerog_chain_head_height) - max by (namespace) (zerog_storage_log_sync_height_blocks) > 100',
      for: '10m',
      severity: 'page',
      summary: 'storage-gateway is {{ $value }} blocks behind the chain: new submissions do not become files.',
      runbook: 'storage-behind-chain',
    },
  ],
  da: [
    {
      name: 'ZerogDaCertificatesFail',
      expr: 'sum by (namespace) (increase(zerog_da_bundles_failed_total[10m])) > 0 or sum by (namespace) (increase(zerog_da_windows_total{outcome="short"}[10m])) > sum by (namespace) (increase(zerog_da_windows_total{outcome="certified"}[10m]))',
      for: '5m',
      severity: 'page',
      summary: 'Bundles are given up, or most windows do not reach two thirds of the stake.',
      runbook: 'da-certificates-fail',
    },
    {
      name: 'ZerogDaCertificatesSlow',
      expr: 'histogram_quantile(0.9, sum by (namespace, le) (rate(zerog_da_certificate_seconds_bucket[10m]))) > 10',
      for: '10m',
      severity: 'ticket',
      summary: 'One bundle in ten waits longer than {{ $value }} s for its certificate.',
      runbook: 'da-certificates-slow',
    },
    {
      name: 'ZerogDaRetrievalFails',
      expr: 'sum by (namespace) (rate(zerog_da_retrieve_seconds_count{outcome="failed"}[10m])) / sum by (namespace) (rate(zerog_da_retrieve_seconds_count[10m])) > 0.05',
      for: '10m',
      severity: 'page',
      summary: 'More than one read of a bundle in twenty fails.',
      runbook: 'da-retrieval-fails',
    },
    {
      name: 'ZerogDaDamaged',
      expr: 'max by (namespace, replica) (zerog_da_node_damaged_bundles) > 0',
      for: '1h',
      severity: 'ticket',
      summary: 'da-node {{ $labels.replica }} holds damaged bundles that other members did not refill.',
      runbook: 'stored-data-damaged',
    },
    {
      name: 'ZerogDaNodeNearlyFull',
      expr: 'zerog_da_node_used_bytes / zerog_da_node_capacity_bytes > 0.9',
      for: '30m',
      severity: 'ticket',
      summary: 'da-node {{ $labels.replica }} uses nine tenths of what it offers.',
      runbook: 'node-nearly-full',
    },
    {
      name: 'ZerogBusLags',
      expr: 'histogram_quantile(0.9, sum by (namespace, consumer, le) (rate(zerog_bus_lag_seconds_bucket[10m]))) > 30',
      for: '10m',
      severity: 'ticket',
      summary: 'Messages wait {{ $value }} s for {{ $labels.consumer }}.',
      runbook: 'bus-lags',
    },
  ],
  compute: [
    {
      name: 'ZerogSettlementStuck',
      expr: 'max by (namespace, replica) (zerog_compute_broker_open_batch_seconds) > 900 or max by (namespace, replica) (zerog_compute_broker_unsettled_oldest_seconds) > 86400',
      for: '5m',
      severity: 'page',
      summary: 'Fees of compute-broker {{ $labels.replica }} do not reach the chain: the oldest wait {{ $value }} s.',
      runbook: 'settlement-stuck',
    },
    {
      name: 'ZerogNoProvider',
      expr: 'max by (namespace) (zerog_compute_router_providers_up_count) == 0',
      for: '5m',
      severity: 'page',
      summary: 'compute-router has no provider to ask.',
      runbook: 'no-provider',
    },
    {
      name: 'ZerogNoWorker',
      expr: 'max by (namespace) (zerog_compute_broker_workers_count) == 0',
      for: '5m',
      severity: 'page',
      summary: 'compute-broker reaches no worker: nothing answers.',
      runbook: 'no-worker',
    },
    {
      name: 'ZerogComputeQueueLong',
      expr: 'histogram_quantile(0.9, sum by (namespace, le) (rate(zerog_compute_queue_wait_seconds_bucket[10m]))) > 10',
      for: '10m',
      severity: 'ticket',
      summary: 'One request in ten waits longer than {{ $value }} s for a slot of a worker.',
      runbook: 'compute-queue-long',
    },
  ],
  gateway: [
    {
      name: 'ZerogGatewayPassesOverChain',
      expr: 'sum by (namespace, reason) (rate(zerog_gateway_instances_passed_over_total[10m])) > 1',
      for: '10m',
      severity: 'ticket',
      summary: 'The gateway passes over chain instances ({{ $labels.reason }}).',
      runbook: 'gateway-passes-over-chain',
    },
  ],
}
