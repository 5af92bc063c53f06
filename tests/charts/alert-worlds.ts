/** Series of promtool's tests, one sample per minute: `start+step x count`, `value x count`. */
export type Series = { readonly series: string; readonly values: string }

/** What makes one alert of one layer fire by the end of its world. */
export type World = {
  readonly alert: string
  readonly layer: string
  readonly minutes: number
  readonly series: readonly Series[]
}

const NS = 'namespace="zerog"'
const one = (series: string, values: string): Series => ({ series, values })
const LAYER_TARGET: Readonly<Record<string, string>> = {
  chain: 'chain-rpc',
  storage: 'storage-gateway',
  da: 'da-disperser',
  compute: 'compute-broker',
  gateway: 'gateway',
}
const LAYERS = Object.keys(LAYER_TARGET)

const scraped = (layer: string) =>
  `${NS},job="${LAYER_TARGET[layer]}",instance="10.0.0.1:9200",app_kubernetes_io_component="${layer}"`
const ofTarget = (layer: string, target = LAYER_TARGET[layer]) =>
  `${NS},target="${target}",replica="0",app_kubernetes_io_component="${layer}"`

/** Requests of a layer: `failed` and `good` per minute. */
function requests(layer: string, failed: number, good: number): readonly Series[] {
  const of = ofTarget(layer)
  const named: Readonly<Record<string, readonly [string, string]>> = {
    chain: [
      `zerog_chain_rpc_requests_total{${of},method="eth_call",outcome="failed"}`,
      `zerog_chain_rpc_requests_total{${of},method="eth_call",outcome="ok"}`,
    ],
    compute: [
      `zerog_compute_router_requests_total{${of},route="chat_completions",status="5xx"}`,
      `zerog_compute_router_requests_total{${of},route="chat_completions",status="2xx"}`,
    ],
    gateway: [
      `zerog_gateway_requests_total{${of},face="storage",status="5xx"}`,
      `zerog_gateway_requests_total{${of},face="storage",status="2xx"}`,
    ],
  }
  const rpc = (status: string) => `zerog_rpc_server_calls_total{${of},method="zerog.x.v1.X/Do",peer="gateway",status="${status}"}`
  const [bad, fine] = named[layer] ?? [rpc('UNAVAILABLE'), rpc('OK')]
  return [one(bad, `0+${failed}x400`), one(fine, `0+${good}x400`)]
}

/** Requests of a layer's latency objective per minute, of which `quick` are within it. */
function timed(layer: string, quick: number, all: number): readonly Series[] {
  const of: Readonly<Record<string, readonly [metric: string, labels: string, bound: string]>> = {
    chain: ['zerog_chain_rpc_request_seconds', `${ofTarget(layer)},method="eth_call"`, '1'],
    storage: ['zerog_rpc_server_duration_seconds', `${ofTarget(layer)},method="zerog.storage.v1.StorageService/GetStatus"`, '5'],
    da: ['zerog_da_certificate_seconds', ofTarget(layer), '5'],
    compute: ['zerog_compute_router_first_byte_seconds', ofTarget(layer, 'compute-router'), '5'],
    gateway: ['zerog_gateway_request_seconds', `${ofTarget(layer)},face="json_rpc"`, '1'],
  }
  const [metric, labels, bound] = of[layer] ?? ['', '', '']
  return [one(`${metric}_bucket{${labels},le="${bound}"}`, `0+${quick}x400`), one(`${metric}_count{${labels}}`, `0+${all}x400`)]
}

/** A healthy installation: no alert may fire in 400 minutes of it. */
export const QUIET: readonly Series[] = [
  ...LAYERS.flatMap((layer) => [
    one(`up{${scraped(layer)}}`, '1x400'),
    one(`zerog_runtime_ready{${ofTarget(layer)}}`, '1x400'),
    one(`zerog_runtime_disk_free_bytes{${ofTarget(layer)}}`, '60x400'),
    one(`zerog_runtime_disk_size_bytes{${ofTarget(layer)}}`, '100x400'),
    one(`nodejs_eventloop_lag_p99_seconds{${scraped(layer)}}`, '0.02x400'),
    one(`zerog_runtime_server_up{${scraped(layer)},server="postgres"}`, '1x400'),
    // promtool's clock starts at 0.
    one(`zerog_tls_certificate_expiry_seconds{${ofTarget(layer)}}`, '7776000x400'),
    // Some failures are within every budget.
    ...requests(layer, 1, 5000),
    ...timed(layer, 999, 1000),
  ]),
  one(`zerog_chain_pool_executable{${ofTarget('chain', 'chain-validator')}}`, '1x400'),
  one(`zerog_chain_head_height{${ofTarget('chain', 'chain-validator')}}`, '100+20x400'),
  one(`zerog_chain_head_height{${ofTarget('chain', 'chain-rpc')}}`, '98+20x400'),
  one(`zerog_storage_log_sync_height_blocks{${ofTarget('storage')}}`, '90+20x400'),
  one(`zerog_storage_ranges_under_replicated_count{${ofTarget('storage')}}`, '0x400'),
  one(`zerog_storage_replicas_incomplete_count{${ofTarget('storage')}}`, '0x10 3x10 0x380'),
  one(`zerog_storage_replicas_unreachable_count{${ofTarget('storage')}}`, '0x400'),
  one(`zerog_storage_scrub_damaged_total{${ofTarget('storage', 'storage-node')}}`, '0x400'),
  one(`zerog_storage_node_used_bytes{${ofTarget('storage', 'storage-node')}}`, '50x400'),
  one(`zerog_storage_node_capacity_bytes{${ofTarget('storage', 'storage-node')}}`, '100x400'),
  one(`zerog_da_bundles_failed_total{${ofTarget('da')},reason="quorum"}`, '0x400'),
  one(`zerog_da_windows_total{${ofTarget('da')},outcome="certified"}`, '0+10x400'),
  one(`zerog_da_windows_total{${ofTarget('da')},outcome="short"}`, '0+1x400'),
  one(`zerog_da_certificate_seconds_bucket{${ofTarget('da')},le="1"}`, '0+10x400'),
  one(`zerog_da_certificate_seconds_bucket{${ofTarget('da')},le="+Inf"}`, '0+10x400'),
  one(`zerog_da_retrieve_seconds_count{${ofTarget('da', 'da-retriever')},outcome="ok"}`, '0+100x400'),
  one(`zerog_da_retrieve_seconds_count{${ofTarget('da', 'da-retriever')},outcome="failed"}`, '0+1x400'),
  one(`zerog_da_node_damaged_bundles{${ofTarget('da', 'da-node')}}`, '0x10 1x10 0x380'),
  one(`zerog_da_node_used_bytes{${ofTarget('da', 'da-node')}}`, '50x400'),
  one(`zerog_da_node_capacity_bytes{${ofTarget('da', 'da-node')}}`, '100x400'),
  one(`zerog_bus_lag_seconds_bucket{${ofTarget('da')},consumer="changes",le="1"}`, '0+10x400'),
  one(`zerog_bus_lag_seconds_bucket{${ofTarget('da')},consumer="changes",le="+Inf"}`, '0+10x400'),
  one(`zerog_compute_broker_open_batch_seconds{${ofTarget('compute')}}`, '0 30 60 0x397'),
  one(`zerog_compute_broker_unsettled_oldest_seconds{${ofTarget('compute')}}`, '600x400'),
  one(`zerog_compute_router_providers_up_count{${ofTarget('compute', 'compute-router')}}`, '1x400'),
  one(`zerog_compute_broker_workers_count{${ofTarget('compute')}}`, '1x400'),
  one(`zerog_compute_queue_wait_seconds_bucket{${ofTarget('compute', 'compute-worker')},engine="integer",le="1"}`, '0+10x400'),
  one(`zerog_compute_queue_wait_seconds_bucket{${ofTarget('compute', 'compute-worker')},engine="integer",le="+Inf"}`, '0+10x400'),
  one(`zerog_gateway_instances_passed_over_total{${ofTarget('gateway')},reason="behind"}`, '0+1x400'),
]

const common = (layer: string): readonly World[] => [
  { alert: 'ZerogTargetDown', layer, minutes: 10, series: [one(`up{${scraped(layer)}}`, '1x2 0x20')] },
  { alert: 'ZerogTargetNotReady', layer, minutes: 20, series: [one(`zerog_runtime_ready{${ofTarget(layer)}}`, '0x30')] },
  {
    alert: 'ZerogDiskNearlyFull',
    layer,
    minutes: 20,
    series: [
      one(`zerog_runtime_disk_free_bytes{${ofTarget(layer)}}`, '9x30'),
      one(`zerog_runtime_disk_size_bytes{${ofTarget(layer)}}`, '100x30'),
    ],
  },
  {
    alert: 'ZerogEventLoopBlocked',
    layer,
    minutes: 20,
    series: [one(`nodejs_eventloop_lag_p99_seconds{${scraped(layer)}}`, '0.8x30')],
  },
  ...(layer === 'chain'
    ? []
    : [
        {
          alert: 'ZerogServerLost',
          layer,
          minutes: 5,
          series: [one(`zerog_runtime_server_up{${scraped(layer)},server="postgres"}`, '0x10')],
        },
      ]),
  ...(layer === 'gateway'
    ? []
    : [
        {
          alert: 'ZerogCertificateEnds',
          layer,
          minutes: 90,
          series: [one(`zerog_tls_certificate_expiry_seconds{${ofTarget(layer)}}`, '500000x100')],
        },
      ]),
  // 2 % of requests: 20 times the budget of 0.1 %; compute's is 0.5 %, so there it is 10 %.
  { alert: 'ZerogErrorBudgetBurnsFast', layer, minutes: 70, series: requests(layer, layer === 'compute' ? 10 : 2, 98) },
  // Above 6 times the budget and below 14.4 times.
  {
    alert: 'ZerogErrorBudgetBurnsSlowly',
    layer,
    minutes: 380,
    series: requests(layer, layer === 'compute' ? 40 : 8, layer === 'compute' ? 960 : 992),
  },
]

const slow = (layer: string): readonly World[] => [
  // Objectives of 99 %; compute's is 95 %, so there it takes five times as many.
  { alert: 'ZerogLatencyBudgetBurnsFast', layer, minutes: 70, series: timed(layer, layer === 'compute' ? 20 : 80, 100) },
  { alert: 'ZerogLatencyBudgetBurnsSlowly', layer, minutes: 380, series: timed(layer, layer === 'compute' ? 50 : 90, 100) },
]

const bucket = (metric: string, labels: string): readonly Series[] => [
  one(`${metric}_bucket{${labels},le="1"}`, '0+1x60'),
  one(`${metric}_bucket{${labels},le="60"}`, '0+10x60'),
  one(`${metric}_bucket{${labels},le="+Inf"}`, '0+10x60'),
]

/** Each alert has a world at least. */
export const FIRING: readonly World[] = [
  ...LAYERS.flatMap(common),
  ...LAYERS.flatMap(slow),
  {
    alert: 'ZerogFinalityStalled',
    layer: 'chain',
    minutes: 15,
    series: [
      one(`zerog_chain_pool_executable{${ofTarget('chain', 'chain-validator')}}`, '1x30'),
      one(`zerog_chain_head_height{${ofTarget('chain', 'chain-validator')}}`, '100x30'),
    ],
  },
  {
    alert: 'ZerogReplicaBehind',
    layer: 'chain',
    minutes: 10,
    series: [
      one(`zerog_chain_head_height{${ofTarget('chain', 'chain-validator')}}`, '200+20x30'),
      one(`zerog_chain_head_height{${ofTarget('chain', 'chain-rpc')}}`, '100+20x30'),
    ],
  },
  {
    alert: 'ZerogStorageUnderReplicated',
    layer: 'storage',
    minutes: 40,
    series: [
      one(`zerog_storage_ranges_under_replicated_count{${ofTarget('storage')}}`, '0x60'),
      one(`zerog_storage_replicas_incomplete_count{${ofTarget('storage')}}`, '0x60'),
      one(`zerog_storage_replicas_unreachable_count{${ofTarget('storage')}}`, '2x60'),
    ],
  },
  {
    alert: 'ZerogStorageDamaged',
    layer: 'storage',
    minutes: 20,
    series: [one(`zerog_storage_scrub_damaged_total{${ofTarget('storage', 'storage-node')}}`, '0x5 2x30')],
  },
  {
    alert: 'ZerogStorageNodeNearlyFull',
    layer: 'storage',
    minutes: 40,
    series: [
      one(`zerog_storage_node_used_bytes{${ofTarget('storage', 'storage-node')}}`, '95x60'),
      one(`zerog_storage_node_capacity_bytes{${ofTarget('storage', 'storage-node')}}`, '100x60'),
    ],
  },
  {
    alert: 'ZerogStorageBehindChain',
    layer: 'storage',
    minutes: 30,
    series: [
      one(`zerog_chain_head_height{${ofTarget('chain', 'chain-rpc')}}`, '1000x60'),
      one(`zerog_storage_log_sync_height_blocks{${ofTarget('storage')}}`, '500x60'),
    ],
  },
  {
    alert: 'ZerogDaCertificatesFail',
    layer: 'da',
    minutes: 20,
    series: [one(`zerog_da_bundles_failed_total{${ofTarget('da')},reason="quorum"}`, '0+1x30')],
  },
  {
    alert: 'ZerogDaCertificatesFail',
    layer: 'da',
    minutes: 20,
    series: [
      one(`zerog_da_windows_total{${ofTarget('da')},outcome="short"}`, '0+10x30'),
      one(`zerog_da_windows_total{${ofTarget('da')},outcome="certified"}`, '0+1x30'),
    ],
  },
  { alert: 'ZerogDaCertificatesSlow', layer: 'da', minutes: 30, series: bucket('zerog_da_certificate_seconds', ofTarget('da')) },
  {
    alert: 'ZerogDaRetrievalFails',
    layer: 'da',
    minutes: 30,
    series: [
      one(`zerog_da_retrieve_seconds_count{${ofTarget('da', 'da-retriever')},outcome="ok"}`, '0+9x60'),
      one(`zerog_da_retrieve_seconds_count{${ofTarget('da', 'da-retriever')},outcome="failed"}`, '0+1x60'),
    ],
  },
  {
    alert: 'ZerogDaDamaged',
    layer: 'da',
    minutes: 90,
    series: [one(`zerog_da_node_damaged_bundles{${ofTarget('da', 'da-node')}}`, '1x100')],
  },
  {
    alert: 'ZerogDaNodeNearlyFull',
    layer: 'da',
    minutes: 40,
    series: [
      one(`zerog_da_node_used_bytes{${ofTarget('da', 'da-node')}}`, '95x60'),
      one(`zerog_da_node_capacity_bytes{${ofTarget('da', 'da-node')}}`, '100x60'),
    ],
  },
  {
    alert: 'ZerogBusLags',
    layer: 'da',
    minutes: 30,
    series: bucket('zerog_bus_lag_seconds', `${ofTarget('da')},consumer="changes"`),
  },
  {
    alert: 'ZerogSettlementStuck',
    layer: 'compute',
    minutes: 40,
    series: [one(`zerog_compute_broker_open_batch_seconds{${ofTarget('compute')}}`, '0+60x60')],
  },
  {
    alert: 'ZerogSettlementStuck',
    layer: 'compute',
    minutes: 20,
    series: [one(`zerog_compute_broker_unsettled_oldest_seconds{${ofTarget('compute')}}`, '90000x60')],
  },
  {
    alert: 'ZerogNoProvider',
    layer: 'compute',
    minutes: 10,
    series: [one(`zerog_compute_router_providers_up_count{${ofTarget('compute', 'compute-router')}}`, '0x30')],
  },
  {
    alert: 'ZerogNoWorker',
    layer: 'compute',
    minutes: 10,
    series: [one(`zerog_compute_broker_workers_count{${ofTarget('compute')}}`, '0x30')],
  },
  {
    alert: 'ZerogComputeQueueLong',
    layer: 'compute',
    minutes: 30,
    series: bucket('zerog_compute_queue_wait_seconds', `${ofTarget('compute', 'compute-worker')},engine="integer"`),
  },
  {
    alert: 'ZerogGatewayPassesOverChain',
    layer: 'gateway',
    minutes: 30,
    series: [one(`zerog_gateway_instances_passed_over_total{${ofTarget('gateway')},reason="behind"}`, '0+120x60')],
  },
]
