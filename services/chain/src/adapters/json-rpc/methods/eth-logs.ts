import { bool, type Codec, text } from '../codecs/decode.ts'
import { logCriteria } from '../codecs/log-filter.ts'
import type { JsonRpcLimits } from '../limits.ts'
import { scanLogs } from '../logs.ts'
import { type Method, method, optional, required } from '../method.ts'
import { resolveRange } from '../range.ts'

/** Logs and polling filters. */
export function ethLogMethods(limits: JsonRpcLimits): Readonly<Record<string, Method>> {
  const criteria = logCriteria({ alternativesMax: limits.filterAlternativesMax })
  return {
    eth_getLogs: method([required(criteria)], ({ backend, signal }, filter) =>
      scanLogs(backend, filter, { ...resolveRange(backend, filter), logsMax: limits.logsMax, signal }),
    ),
    eth_newFilter: method([required(criteria)], ({ filters }, filter) => filters.newLogFilter(filter)),
    eth_newBlockFilter: method([], ({ filters }) => filters.newBlockFilter()),
    eth_newPendingTransactionFilter: method([optional(bool, false)], ({ filters }, full) => filters.newPendingFilter({ full })),
    eth_getFilterChanges: method([required(filterId)], ({ filters, signal }, id) => filters.changes(id, { signal })),
    eth_getFilterLogs: method([required(filterId)], ({ filters, signal }, id) => filters.logs(id, { signal })),
    eth_uninstallFilter: method([required(filterId)], ({ filters }, id) => filters.uninstall(id)),
  }
}

/** geth takes any text as the id of a filter and then does not find it. */
const filterId: Codec<`0x${string}`> = (value) => text(value).toLowerCase() as `0x${string}`
