import type { Endpoint } from '@zerog/ports'
import { fromHex, type Hex, toHex, ZerogError } from '@zerog/primitives'
import { ChainServiceDefinition, type LogFilter, type WatchLogsResponse } from '@zerog/proto/chain'
import type { ChainBackend, StoredBlock } from '../../app/chain-backend.ts'
import { followBlocks } from '../../app/follow.ts'
import { FILTER_ENTRIES_MAX } from '../../app/limits.ts'
import { bloomMatches, type LogCriteria, logMatches } from '../../app/log-filter.ts'
import { CHAIN_CALLERS } from './callers.ts'

type WatchLogs = typeof ChainServiceDefinition.methods.watchLogs

/** Finalized blocks from a height on with their matching logs; resumable at any height. */
export function watchLogsEndpoint({ backend }: { readonly backend: ChainBackend }): Endpoint<WatchLogs> {
  return {
    method: ChainServiceDefinition.methods.watchLogs,
    allow: CHAIN_CALLERS,
    async *handle({ fromHeight, filter }, { signal }) {
      const criteria = toCriteria(filter)
      for await (const block of followBlocks(backend, { fromHeight, signal })) yield toResponse(block, criteria)
    },
  }
}

function toCriteria(filter: LogFilter | undefined): LogCriteria {
  const addresses = (filter?.addresses ?? []).map((address) => sized(address, 20, 'address'))
  const topics = (filter?.topics ?? []).map(({ anyOf }) => anyOf.map((topic) => sized(topic, 32, 'topic')))
  const entries = addresses.length + topics.reduce((count, anyOf) => count + anyOf.length, 0)
  if (entries > FILTER_ENTRIES_MAX || topics.length > 4) {
    throw new ZerogError('LIMIT_EXCEEDED', {
      message: `a filter has at most ${FILTER_ENTRIES_MAX} entries and 4 topic positions`,
    })
  }
  return { addresses, topics }
}

function sized(bytes: Uint8Array, length: number, name: string): Hex {
  if (bytes.length === length) return toHex(bytes)
  throw new ZerogError('INVALID_ARGUMENT', { message: `filter: ${name} must be ${length} bytes, not ${bytes.length}` })
}

function toResponse(block: StoredBlock, criteria: LogCriteria): WatchLogsResponse {
  const { header, hash } = block
  return {
    height: header.height,
    hash: Buffer.from(fromHex(hash)),
    parentHash: Buffer.from(fromHex(header.parentHash)),
    timestampSeconds: header.timestampSeconds,
    logs: bloomMatches(criteria, header.logsBloom) ? matchingLogs(block, criteria) : [],
  }
}

function matchingLogs({ transactions, receipts }: StoredBlock, criteria: LogCriteria): WatchLogsResponse['logs'] {
  const found: WatchLogsResponse['logs'] = []
  let logIndex = 0
  for (const [transactionIndex, receipt] of receipts.entries()) {
    const transaction = transactions[transactionIndex]
    for (const log of receipt.logs) {
      if (transaction !== undefined && logMatches(criteria, log)) {
        found.push({
          address: Buffer.from(fromHex(log.address)),
          topics: log.topics.map((topic) => Buffer.from(fromHex(topic))),
          data: Buffer.from(fromHex(log.data)),
          logIndex,
          transactionHash: Buffer.from(fromHex(transaction.hash)),
          transactionIndex,
          transactionFrom: Buffer.from(fromHex(transaction.from)),
        })
      }
      logIndex += 1
    }
  }
  return found
}
