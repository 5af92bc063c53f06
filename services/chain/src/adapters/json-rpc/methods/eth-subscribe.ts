import type { StoredBlock } from '../../../app/chain-backend.ts'
import { bool, type Codec, text } from '../codecs/decode.ts'
import { type LogCriteria, logCriteria } from '../codecs/log-filter.ts'
import { CODE, JsonRpcError } from '../errors.ts'
import { formatHeader } from '../format/block.ts'
import { formatTransaction } from '../format/transaction.ts'
import type { JsonRpcLimits } from '../limits.ts'
import { bloomTest, logsOf } from '../logs.ts'
import { type Method, type MethodContext, method, optional, required } from '../method.ts'
import type { Source } from '../subscriptions.ts'

/**
 * Subscriptions, on WebSocket connections only. `finalizedHeads` is the same stream as `newHeads`, because nothing but
 * finalized blocks is ever announced.
 */
export function ethSubscribeMethods(limits: JsonRpcLimits): Readonly<Record<string, Method>> {
  const criteria = logCriteria({ alternativesMax: limits.filterAlternativesMax })
  return {
    eth_subscribe: method([required(text), optional(anything)], (context, kind, option) => {
      const { subscriptions } = context
      if (subscriptions === undefined) throw new JsonRpcError(CODE.methodNotFound, 'notifications not supported')
      return subscriptions.open(sourceOf(context, { kind, option, criteria }))
    }),
    eth_unsubscribe: method([required(text)], ({ subscriptions }, id) => {
      if (subscriptions === undefined) throw new JsonRpcError(CODE.methodNotFound, 'notifications not supported')
      return subscriptions.cancel(id.toLowerCase() as `0x${string}`)
    }),
  }
}

const anything: Codec<unknown> = (value) => value

type Request = { readonly kind: string; readonly option: unknown; readonly criteria: Codec<LogCriteria> }

function sourceOf({ backend }: MethodContext, { kind, option, criteria }: Request): Source {
  switch (kind) {
    case 'newHeads':
    case 'finalizedHeads':
      return (notify) => backend.onBlock((block) => notify(headerOf(block), block.header.height))
    case 'logs':
      return logSource(backend, option === undefined ? EVERYTHING : criteria(option))
    case 'newPendingTransactions': {
      const full = option === undefined ? false : bool(option)
      return (notify) =>
        backend.onPooled((transaction) =>
          notify(full ? formatTransaction(transaction) : transaction.hash, backend.head().header.height),
        )
    }
    case 'syncing':
      return (notify) => {
        notify(false, backend.head().header.height)
        return () => {}
      }
    default:
      throw new JsonRpcError(CODE.methodNotFound, `no ${JSON.stringify(kind.slice(0, 100))} subscription in eth namespace`)
  }
}

const EVERYTHING: LogCriteria = { block: { from: undefined, to: undefined }, addresses: [], topics: [] }

function logSource(backend: MethodContext['backend'], match: LogCriteria): Source {
  const mayMatch = bloomTest(match)
  return (notify) =>
    backend.onBlock((block) => {
      if (!mayMatch(block.header.logsBloom)) return
      for (const log of logsOf(block, match)) notify(log, block.header.height)
    })
}

// Many connections listen to the same blocks.
const headers = new WeakMap<StoredBlock, Record<string, unknown>>()

function headerOf(block: StoredBlock): Record<string, unknown> {
  const known = headers.get(block)
  if (known !== undefined) return known
  const formatted = formatHeader(block.header, block.hash)
  headers.set(block, formatted)
  return formatted
}
