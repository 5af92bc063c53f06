import { componentOf, type Dashboard, LAYERS, type Layer, type Panel, type Query, type Row, targetsOf } from './model.ts'
import { ratioName, SLOS, slowName } from './slo.ts'

const NAMESPACE = 'namespace=~"$namespace"'
const WINDOW = '[$__rate_interval]'

const query = (expr: string, legend: string): Query => ({ expr, legend })
const panel = (title: string, unit: string, ...queries: readonly Query[]): Panel => ({ title, unit, queries })
const stat = (title: string, unit: string, expr: string): Panel => ({ title, unit, queries: [query(expr, '')], stat: true })

const by = (labels: string, expr: string) => `sum by (${labels}) (${expr})`
/** Per second. */
const rate = (metric: string, more = '') => `rate(${metric}{${NAMESPACE}${more === '' ? '' : `,${more}`}}${WINDOW})`
const gauge = (metric: string, more = '') => `${metric}{${NAMESPACE}${more === '' ? '' : `,${more}`}}`
const quantile = (q: number, metric: string, labels = '', more = '') =>
  `histogram_quantile(${q}, sum by (${labels === '' ? 'le' : `${labels}, le`}) (${rate(`${metric}_bucket`, more)}))`
/** Median and 99th percentile of a histogram. */
const times = (title: string, metric: string, more = ''): Panel =>
  panel(title, 's', query(quantile(0.5, metric, '', more), 'p50'), query(quantile(0.99, metric, '', more), 'p99'))

export function dashboards(): Readonly<Record<Layer | 'zerog', Dashboard>> {
  const layers = LAYERS.map(
    (layer) => [layer, { uid: `zerog-${layer}`, title: `zerog / ${layer}`, rows: rowsOf(layer) }] as const,
  )
  return {
    ...(Object.fromEntries(layers) as Record<Layer, Dashboard>), // one entry for each of LAYERS
    zerog: { uid: 'zerog-overview', title: 'zerog / overview', rows: overview() },
  }
}

function rowsOf(layer: Layer): readonly Row[] {
  const objective = SLOS[layer].objective
  const budget = panel(
    `failed requests (objective ${objective * 100} %)`,
    'percentunit',
    query(`${ratioName('5m')}{layer="${layer}"}`, '5 minutes'),
    query(`${ratioName('1h')}{layer="${layer}"}`, '1 hour'),
  )
  const { latency } = SLOS[layer]
  const slow = panel(
    `slower than ${latency.seconds} s (objective ${latency.objective * 100} %)`,
    'percentunit',
    query(`${slowName('5m')}{layer="${layer}"}`, '5 minutes'),
    query(`${slowName('1h')}{layer="${layer}"}`, '1 hour'),
  )
  return [
    { title: 'Service level', panels: [budget, slow, ...OWN[layer].slice(0, 1)] },
    { title: layer, panels: OWN[layer].slice(1) },
    rpc(layer),
    processes(layer),
  ]
}

function rpc(layer: Layer): Row {
  const targets = targetsOf(layer)
  return {
    title: 'RPC',
    panels: [
      panel('served by method', 'reqps', query(by('method', rate('zerog_rpc_server_calls_total', targets)), '{{method}}')),
      panel(
        'served and refused or failed',
        'reqps',
        query(by('method, status', rate('zerog_rpc_server_calls_total', `${targets},status!="OK"`)), '{{method}} {{status}}'),
      ),
      panel(
        'time to serve, p99',
        's',
        query(quantile(0.99, 'zerog_rpc_server_duration_seconds', 'method', targets), '{{method}}'),
      ),
      panel(
        'called by method',
        'reqps',
        query(by('method, status', rate('zerog_rpc_client_calls_total', targets)), '{{method}} {{status}}'),
      ),
      panel(
        'time to be answered, p99',
        's',
        query(quantile(0.99, 'zerog_rpc_client_duration_seconds', 'method', targets), '{{method}}'),
      ),
    ],
  }
}

function processes(layer: Layer): Row {
  const targets = targetsOf(layer)
  const component = componentOf(layer)
  return {
    title: 'Processes',
    panels: [
      panel('takes traffic', 'short', query(gauge('zerog_runtime_ready', targets), '{{target}} {{replica}}')),
      panel('servers answer', 'short', query(gauge('zerog_runtime_server_up', component), '{{job}} {{server}}')),
      panel('CPU', 'short', query(by('job, instance', rate('process_cpu_seconds_total', component)), '{{job}} {{instance}}')),
      panel('resident memory', 'bytes', query(gauge('process_resident_memory_bytes', component), '{{job}} {{instance}}')),
      panel(
        'lag of the event loop, p99',
        's',
        query(gauge('nodejs_eventloop_lag_p99_seconds', component), '{{job}} {{instance}}'),
      ),
      panel('free disk', 'bytes', query(gauge('zerog_runtime_disk_free_bytes', targets), '{{target}} {{replica}}')),
      panel(
        'days until the certificate ends',
        'd',
        query(`(${gauge('zerog_tls_certificate_expiry_seconds', targets)} - time()) / 86400`, '{{target}} {{replica}}'),
      ),
    ],
  }
}

const OWN: Readonly<Record<Layer, readonly Panel[]>> = {
  chain: [
    panel('height', 'short', query(gauge('zerog_chain_head_height'), '{{target}} {{replica}}')),
    panel('age of the head', 's', query(`time() - ${gauge('zerog_chain_head_timestamp_seconds')}`, '{{target}} {{replica}}')),
    panel('blocks verified and not shown', 'short', query(gauge('zerog_chain_replica_lag_blocks'), '{{replica}}')),
    panel('transactions', 'reqps', query(rate('zerog_chain_transactions_total', 'target="chain-validator"'), 'per second')),
    panel('gas', 'short', query(rate('zerog_chain_gas_total', 'target="chain-validator"'), 'per second')),
    times('from the start of a block until it is shown', 'zerog_chain_seal_seconds'),
    panel(
      'transactions that a second engine executed too (verifyWith)',
      'reqps',
      query(rate('zerog_chain_verified_transactions_total'), '{{target}} {{replica}}'),
    ),
    times('second execution of a block (verifyWith)', 'zerog_chain_verification_seconds'),
    panel(
      'pool',
      'short',
      query(gauge('zerog_chain_pool_transactions'), 'transactions'),
      query(gauge('zerog_chain_pool_senders'), 'senders'),
      query(gauge('zerog_chain_pool_executable'), 'a block could be made'),
    ),
    panel('pool size', 'bytes', query(gauge('zerog_chain_pool_bytes'), 'bytes')),
    panel('epoch and view', 'short', query(gauge('zerog_chain_epoch'), 'epoch'), query(gauge('zerog_chain_view'), 'view')),
    panel('JSON-RPC by outcome', 'reqps', query(by('outcome', rate('zerog_chain_rpc_requests_total')), '{{outcome}}')),
    panel('JSON-RPC by method, p99', 's', query(quantile(0.99, 'zerog_chain_rpc_request_seconds', 'method'), '{{method}}')),
    panel(
      'subscriptions and filters',
      'short',
      query(gauge('zerog_chain_rpc_subscriptions'), 'subscriptions {{target}} {{replica}}'),
      query(gauge('zerog_chain_rpc_filters'), 'filters {{target}} {{replica}}'),
    ),
  ],
  storage: [
    panel(
      'replicas that are missing',
      'short',
      query(gauge('zerog_storage_ranges_under_replicated_count'), 'ranges with too few'),
      query(gauge('zerog_storage_replicas_incomplete_count'), 'incomplete'),
      query(gauge('zerog_storage_replicas_unreachable_count'), 'on silent nodes'),
    ),
    panel('uploaded', 'Bps', query(by('outcome', rate('zerog_storage_uploaded_bytes_total')), '{{outcome}}')),
    panel('read', 'Bps', query(by('namespace', rate('zerog_storage_read_bytes_total')), 'verified')),
    panel(
      'time of uploads and reads, p99',
      's',
      query(quantile(0.99, 'zerog_rpc_server_duration_seconds', 'method', 'target="storage-gateway"'), '{{method}}'),
    ),
    panel(
      'submissions and final files',
      'short',
      query(by('namespace', rate('zerog_storage_submissions_total')), 'submissions'),
      query(by('namespace', rate('zerog_storage_files_finalized_total')), 'final'),
    ),
    panel('uploads in flight', 'bytes', query(gauge('zerog_storage_upload_in_flight_bytes'), 'in flight {{replica}}')),
    panel('uploads that wait', 'short', query(gauge('zerog_storage_upload_waiting_count'), '{{replica}}')),
    panel('reachable nodes', 'short', query(gauge('zerog_storage_nodes_reachable_count'), 'gateway {{replica}}')),
    panel(
      'share of what nodes offer that is used',
      'percentunit',
      query(`${gauge('zerog_storage_node_used_bytes')} / ${gauge('zerog_storage_node_capacity_bytes')}`, 'node {{replica}}'),
    ),
    panel(
      'damage',
      'short',
      query(by('replica', rate('zerog_storage_scrub_damaged_total')), 'found by scrubs, node {{replica}}'),
      query(by('namespace', rate('zerog_storage_damaged_replicas_total')), 'found by reads'),
      query(gauge('zerog_storage_node_damaged_count'), 'waiting, node {{replica}}'),
    ),
    panel('repaired', 'Bps', query(by('namespace', rate('zerog_storage_repaired_bytes_total')), 'written')),
    panel('block that was searched', 'short', query(gauge('zerog_storage_log_sync_height_blocks'), 'gateway {{replica}}')),
  ],
  da: [
    times('from bundle to certificate', 'zerog_da_certificate_seconds'),
    times('from certificate to final', 'zerog_da_final_seconds'),
    panel('accepted blobs', 'reqps', query(by('face', rate('zerog_da_blobs_accepted_total')), '{{face}}')),
    panel('accepted bytes', 'Bps', query(by('namespace', rate('zerog_da_blob_bytes_accepted_total')), 'bytes')),
    panel(
      'blobs',
      'short',
      query(`max by (namespace) (${gauge('zerog_da_blobs_queued_count')})`, 'queued'),
      query(`max by (namespace) (${gauge('zerog_da_blobs_dispersing_count')})`, 'dispersing'),
      query(`max by (namespace) (${gauge('zerog_da_blobs_certified_count')})`, 'certified'),
      query(`max by (namespace) (${gauge('zerog_da_blobs_failed_count')})`, 'failed'),
    ),
    panel('bundles by what closed them', 'reqps', query(by('reason', rate('zerog_da_bundles_total')), '{{reason}}')),
    panel('bundles given up', 'reqps', query(by('reason', rate('zerog_da_bundles_failed_total')), '{{reason}}')),
    panel('windows', 'reqps', query(by('outcome', rate('zerog_da_windows_total')), '{{outcome}}')),
    panel('answers to requests to sign', 'reqps', query(by('outcome', rate('zerog_da_sign_outcomes_total')), '{{outcome}}')),
    panel('certificate transactions', 'reqps', query(by('outcome', rate('zerog_da_transactions_total')), '{{outcome}}')),
    panel('encoded', 'Bps', query(by('replica', rate('zerog_da_encoded_bytes_total')), 'encoder {{replica}}')),
    times('coding of a bundle', 'zerog_da_encode_seconds'),
    times('until a member stored its rows', 'zerog_da_put_rows_seconds'),
    panel('what became of rows at members', 'reqps', query(by('outcome', rate('zerog_da_member_outcomes_total')), '{{outcome}}')),
    panel('rows stored', 'reqps', query(by('replica', rate('zerog_da_rows_stored_total')), 'node {{replica}}')),
    panel('bundles kept', 'short', query(gauge('zerog_da_node_bundles'), 'node {{replica}}')),
    panel(
      'share of what nodes offer that is used',
      'percentunit',
      query(`${gauge('zerog_da_node_used_bytes')} / ${gauge('zerog_da_node_capacity_bytes')}`, 'node {{replica}}'),
    ),
    panel(
      'damage',
      'short',
      query(gauge('zerog_da_node_damaged_bundles'), 'waiting, node {{replica}}'),
      query(by('outcome', rate('zerog_da_repairs_total')), 'repairs {{outcome}}'),
    ),
    panel('reads', 'reqps', query(by('outcome', rate('zerog_da_retrieve_seconds_count')), '{{outcome}}')),
    times('from request to last verified byte', 'zerog_da_retrieve_seconds'),
    panel(
      'reads that had to do more',
      'reqps',
      query(by('namespace', rate('zerog_da_hedges_total')), 'hedged'),
      query(by('namespace', rate('zerog_da_decodes_total')), 'restored from parity'),
      query(by('namespace', rate('zerog_da_members_banned_total')), 'members that lied'),
    ),
    panel('wait on the bus, p90', 's', query(quantile(0.9, 'zerog_bus_lag_seconds', 'consumer'), '{{consumer}}')),
    panel('blocks that the next epoch is overdue', 'short', query(gauge('zerog_da_epoch_overdue_blocks'), '{{replica}}')),
  ],
  compute: [
    times('from request to first byte, router', 'zerog_compute_router_first_byte_seconds'),
    times('from slot to first token', 'zerog_compute_first_token_seconds'),
    panel(
      'tokens per second of an answer',
      'short',
      query(quantile(0.5, 'zerog_compute_tokens_per_second', 'engine'), 'p50 {{engine}}'),
      query(quantile(0.05, 'zerog_compute_tokens_per_second', 'engine'), 'slowest twentieth {{engine}}'),
    ),
    panel('tokens', 'short', query(by('engine, kind', rate('zerog_compute_tokens_total')), '{{engine}} {{kind}}')),
    panel(
      'queue',
      'short',
      query(gauge('zerog_compute_queue_waiting_count'), 'waiting {{replica}}'),
      query(gauge('zerog_compute_generations_running_count'), 'running {{replica}}'),
    ),
    times('wait for a slot', 'zerog_compute_queue_wait_seconds'),
    panel(
      'requests, router',
      'reqps',
      query(by('route, status', rate('zerog_compute_router_requests_total')), '{{route}} {{status}}'),
    ),
    panel('asked of providers', 'reqps', query(by('outcome', rate('zerog_compute_router_attempts_total')), '{{outcome}}')),
    panel(
      'providers',
      'short',
      query(gauge('zerog_compute_router_providers_up_count'), 'answer, router {{replica}}'),
      query(gauge('zerog_compute_router_providers_count'), 'known, router {{replica}}'),
    ),
    panel('workers', 'short', query(gauge('zerog_compute_broker_workers_count'), 'broker {{replica}}')),
    panel(
      'requests, broker',
      'reqps',
      query(by('route, status', rate('zerog_compute_broker_requests_total')), '{{route}} {{status}}'),
    ),
    times('receipt durable, broker', 'zerog_compute_broker_durable_seconds'),
    panel(
      'unsettled fees, wei',
      'short',
      query(gauge('zerog_compute_broker_unsettled_wei'), 'in no batch, broker {{replica}}'),
      query(gauge('zerog_compute_broker_reserved_wei'), 'reserved, broker {{replica}}'),
    ),
    panel(
      'settlement is late',
      's',
      query(gauge('zerog_compute_broker_open_batch_seconds'), 'open batch, broker {{replica}}'),
      query(gauge('zerog_compute_broker_unsettled_oldest_seconds'), 'oldest receipt, broker {{replica}}'),
    ),
    panel('settlements', 'reqps', query(by('status', rate('zerog_compute_broker_settlements_total')), '{{status}}')),
    panel('refused by the chain', 'reqps', query(by('step', rate('zerog_compute_broker_chain_refusals_total')), '{{step}}')),
    panel('receipts refused', 'reqps', query(by('problem', rate('zerog_compute_router_receipts_refused_total')), '{{problem}}')),
    panel(
      'books that are not durable yet',
      'short',
      query(gauge('zerog_compute_router_journal_pending_count'), 'entries {{replica}}'),
      query(gauge('zerog_compute_router_unacknowledged_count'), 'unacknowledged receipts {{replica}}'),
    ),
    panel(
      'evidence of batches, broken links',
      'reqps',
      query(by('outcome', rate('zerog_compute_broker_evidence_batches_total')), '{{outcome}}'),
      query(by('link', rate('zerog_compute_broker_evidence_broken_links_total')), 'broken: {{link}}'),
    ),
  ],
  gateway: [
    panel('requests by face', 'reqps', query(by('face, status', rate('zerog_gateway_requests_total')), '{{face}} {{status}}')),
    panel('time by face, p99', 's', query(quantile(0.99, 'zerog_gateway_request_seconds', 'face'), '{{face}}')),
    panel(
      'JSON-RPC by outcome',
      'reqps',
      query(by('outcome', rate('zerog_gateway_json_rpc_duration_seconds_count')), '{{outcome}}'),
    ),
    panel('web sockets', 'short', query(gauge('zerog_gateway_web_sockets'), '{{instance}}')),
    panel(
      'chain instances passed over',
      'reqps',
      query(by('reason', rate('zerog_gateway_instances_passed_over_total')), '{{reason}}'),
    ),
    panel(
      'requests held for a restart',
      'reqps',
      query(by('dependency, outcome', rate('zerog_gateway_held_total')), '{{dependency}} {{outcome}}'),
      query(gauge('zerog_gateway_held_count'), 'waiting {{instance}}'),
    ),
    panel('heights not shared', 'reqps', query(by('namespace', rate('zerog_gateway_height_share_failures_total')), 'failures')),
    panel('upload bodies', 'bytes', query(gauge('zerog_gateway_storage_body_bytes'), '{{instance}}')),
    panel('uploads that wait', 'short', query(gauge('zerog_gateway_storage_waiting_count'), '{{instance}}')),
  ],
}

function overview(): readonly Row[] {
  return [
    {
      title: 'Now',
      panels: [
        stat('height', 'short', `max(${gauge('zerog_chain_head_height')})`),
        stat('transactions per second', 'short', `sum(${rate('zerog_chain_transactions_total', 'target="chain-validator"')})`),
        stat('storage replicas missing', 'short', `max(${gauge('zerog_storage_ranges_under_replicated_count')})`),
        stat('DA: certificate, p90', 's', quantile(0.9, 'zerog_da_certificate_seconds')),
        stat('tokens per second', 'short', `sum(${rate('zerog_compute_tokens_total', 'kind="completion"')})`),
        stat('requests per second', 'reqps', `sum(${rate('zerog_gateway_requests_total')})`),
      ],
    },
    {
      title: 'Layers',
      panels: [
        panel('failed requests, 1 hour', 'percentunit', query(ratioName('1h'), '{{layer}}')),
        panel('targets that take traffic', 'short', query(by('target', gauge('zerog_runtime_ready')), '{{target}}')),
        panel(
          'targets that cannot be scraped',
          'short',
          query('count by (job) (up{app_kubernetes_io_part_of="zerog"} == 0)', '{{job}}'),
        ),
        panel('servers answer', 'short', query(`min by (server) (${gauge('zerog_runtime_server_up')})`, '{{server}}')),
        panel('requests by face', 'reqps', query(by('face', rate('zerog_gateway_requests_total')), '{{face}}')),
        panel('RPCs by target', 'reqps', query(by('target', rate('zerog_rpc_server_calls_total')), '{{target}}')),
      ],
    },
  ]
}
