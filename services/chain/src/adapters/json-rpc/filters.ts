import { randomBytes } from 'node:crypto'
import type { Clock } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import type { ChainBackend, StoredBlock, Transaction } from '../../app/chain-backend.ts'
import type { BlockRef } from './codecs/block.ts'
import type { LogCriteria } from './codecs/log-filter.ts'
import { limitExceeded, serverError } from './errors.ts'
import type { FormattedLog } from './format/receipt.ts'
import { formatTransaction } from './format/transaction.ts'
import type { JsonRpcLimits } from './limits.ts'
import { scanLogs } from './logs.ts'
import { resolveRange } from './range.ts'

/**
 * Polling filters (`eth_newFilter` …). A filter of blocks or logs keeps one height, not what happened since: a poll reads the
 * chain from there, so a filter that nobody polls costs nothing. Pending transactions leave no trace, so theirs are kept, the
 * oldest dropped beyond a limit. A filter that is not asked for expires.
 */
export type Filters = {
  newLogFilter(criteria: LogCriteria): Hex
  newBlockFilter(): Hex
  newPendingFilter(options: { readonly full: boolean }): Hex
  /** What happened since the last poll. Throws `filter not found`. */
  changes(id: Hex, options: { readonly signal: AbortSignal }): Promise<readonly unknown[]>
  /** Everything that a log filter matches. */
  logs(id: Hex, options: { readonly signal: AbortSignal }): Promise<readonly FormattedLog[]>
  uninstall(id: Hex): boolean
  readonly size: number
  close(): void
}

type Filter = { expiresAtMs: number } & (
  | { readonly kind: 'logs'; readonly criteria: LogCriteria; nextHeight: bigint }
  | { readonly kind: 'blocks'; nextHeight: bigint }
  | { readonly kind: 'pending'; readonly full: boolean; transactions: Transaction[] }
)

type Deps = { readonly backend: ChainBackend; readonly clock: Clock }

/** Filters live in this process: a gateway sends their methods to one instance (ADR-0041). */
export function createFilters(limits: JsonRpcLimits, deps: Deps): Filters {
  const { backend, clock } = deps
  // In order of expiry: a filter that is asked for moves to the end.
  const filters = new Map<Hex, Filter>()

  const sweep = () => {
    const nowMs = clock.monotonicMs()
    for (const [id, filter] of filters) {
      if (filter.expiresAtMs > nowMs) return
      filters.delete(id)
    }
  }
  const install = (filter: Filter): Hex => {
    sweep()
    if (filters.size >= limits.filtersMax) throw limitExceeded(`more than ${limits.filtersMax} filters: uninstall some or wait`)
    const id: Hex = `0x${randomBytes(16).toString('hex')}`
    filters.set(id, filter)
    return id
  }
  const touch = (id: Hex): Filter => {
    sweep()
    const filter = filters.get(id)
    if (filter === undefined) throw serverError('filter not found')
    filter.expiresAtMs = expiry()
    filters.delete(id)
    filters.set(id, filter)
    return filter
  }
  const expiry = () => clock.monotonicMs() + limits.filterTtlMs
  const nextHeight = () => backend.head().header.height + 1n

  const stopBlocks = backend.onBlock((block) => rewind(filters.values(), block))
  const stopPooled = backend.onPooled((transaction) => {
    sweep()
    for (const filter of filters.values()) {
      if (filter.kind !== 'pending') continue
      filter.transactions.push(transaction)
      if (filter.transactions.length > limits.filterHashesMax) filter.transactions.shift()
    }
  })

  return {
    newLogFilter: (criteria) => install({ kind: 'logs', criteria, nextHeight: nextHeight(), expiresAtMs: expiry() }),
    newBlockFilter: () => install({ kind: 'blocks', nextHeight: nextHeight(), expiresAtMs: expiry() }),
    newPendingFilter: ({ full }) => install({ kind: 'pending', full, transactions: [], expiresAtMs: expiry() }),
    async changes(id, { signal }) {
      const filter = touch(id)
      if (filter.kind === 'pending') return takePending(filter)
      const head = backend.head().header.height
      if (filter.kind === 'blocks') return takeBlocks(filter, { backend, head, hashesMax: limits.filterHashesMax })
      const from = filter.nextHeight
      const range = liveRange(filter.criteria, { from, to: head })
      const found = await scanLogs(backend, filter.criteria, { ...range, logsMax: limits.logsMax, signal })
      // A rewind during the scan stays in force, and a second poll of the same range does not go back.
      if (filter.nextHeight === from) filter.nextHeight = head + 1n
      return found
    },
    async logs(id, { signal }) {
      const filter = touch(id)
      if (filter.kind !== 'logs') throw serverError('filter not found')
      const range = resolveRange(backend, filter.criteria)
      return scanLogs(backend, filter.criteria, { ...range, logsMax: limits.logsMax, signal })
    },
    uninstall: (id) => filters.delete(id),
    get size() {
      return filters.size
    },
    close() {
      stopBlocks()
      stopPooled()
      filters.clear()
    },
  }
}

/** `evm_revert` can make a height happen again (only in `--chain-only` devnets): filters go back to it. */
function rewind(filters: Iterable<Filter>, block: StoredBlock): void {
  for (const filter of filters) {
    if (filter.kind !== 'pending' && filter.nextHeight > block.header.height) filter.nextHeight = block.header.height
  }
}

function takePending(filter: Filter & { kind: 'pending' }): readonly unknown[] {
  const transactions = filter.transactions
  filter.transactions = []
  return transactions.map((transaction) => (filter.full ? formatTransaction(transaction) : transaction.hash))
}

function takeBlocks(
  filter: Filter & { kind: 'blocks' },
  options: { readonly backend: ChainBackend; readonly head: bigint; readonly hashesMax: number },
): readonly Hex[] {
  const hashes: Hex[] = []
  while (filter.nextHeight <= options.head && hashes.length < options.hashesMax) {
    const block = options.backend.blockByHeight(filter.nextHeight)
    if (block !== undefined) hashes.push(block.hash)
    filter.nextHeight++
  }
  return hashes
}

/** New heights, cut to those that the filter names by number. */
function liveRange(criteria: LogCriteria, range: { from: bigint; to: bigint }): { from: bigint; to: bigint } {
  if ('hash' in criteria.block) return range
  const height = (ref: BlockRef | undefined) => (ref?.kind === 'height' ? ref.height : undefined)
  const from = height(criteria.block.from)
  const to = height(criteria.block.to)
  return {
    from: from !== undefined && from > range.from ? from : range.from,
    to: to !== undefined && to < range.to ? to : range.to,
  }
}
