import type { ChainLog } from '@zerog/ports'
import type { Hex } from '@zerog/primitives'
import { decodeEventLog } from 'viem/utils'
import type { ProviderEvent } from '../../app/broker/ports.ts'
import { receiptAnchorAbi, servingAbi } from './abi.ts'

const EVENTS = [...servingAbi, ...receiptAnchorAbi].filter((item) => item.type === 'event')

/** What a log of the two contracts says about this provider; a log that is not understood says nothing. */
export function readProviderEvents(
  log: ChainLog,
  at: { readonly provider: Hex; readonly inferenceServing: Hex; readonly receiptAnchor: Hex },
): readonly ProviderEvent[] {
  const decoded = decode(log)
  if (decoded === undefined) return []
  const ours = (address: string) => address.toLowerCase() === at.provider
  const user = (address: string) => address.toLowerCase() as Hex // an address of viem is 0x and 40 digits
  if (log.address === at.receiptAnchor) {
    if (decoded.eventName !== 'ReceiptsAnchored' || !ours(decoded.args.provider)) return []
    return [{ kind: 'anchored', batchRoot: decoded.args.batchRoot }]
  }
  if (log.address !== at.inferenceServing) return []
  switch (decoded.eventName) {
    case 'BalanceUpdated':
    case 'RefundRequested':
    case 'TokenRevoked':
    case 'TokensRevoked':
    case 'AllTokensRevoked':
    case 'AccountDeleted':
      return ours(decoded.args.provider) ? [{ kind: 'account_changed', user: user(decoded.args.user) }] : []
    case 'BatchBalanceUpdated':
      return decoded.args.users.map((address) => ({ kind: 'account_changed', user: user(address) }))
    case 'ServiceUpdated':
    case 'ServiceRemoved':
      return ours(decoded.args.service) ? [{ kind: 'service_changed' }] : []
    case 'ProviderTEESignerAcknowledged':
      return ours(decoded.args.provider) ? [{ kind: 'service_changed' }] : []
    case 'TEESettlementResult': {
      // It names no provider; the transaction tells whose it is.
      if (log.transactionFrom !== at.provider) return []
      const { status, unsettledAmount: unpaid } = decoded.args
      return [{ kind: 'settled', user: user(decoded.args.user), status, unpaid, transactionHash: log.transactionHash }]
    }
    default:
      return []
  }
}

function decode(log: ChainLog) {
  try {
    return decodeEventLog({ abi: EVENTS, topics: [...log.topics] as [Hex, ...Hex[]], data: log.data })
  } catch {
    return undefined
  }
}
