import { bloomMayContain, type Log } from '@zerog/evm'
import { fromHex, type Hex } from '@zerog/primitives'

/** As in eth_getLogs: any of the addresses (none: all), and position by position any of the topics (none: all). */
export type LogCriteria = { readonly addresses: readonly Hex[]; readonly topics: readonly (readonly Hex[])[] }

export function logMatches({ addresses, topics }: LogCriteria, log: Log): boolean {
  if (addresses.length > 0 && !addresses.includes(log.address)) return false
  if (topics.length > log.topics.length) return false
  return topics.every((anyOf, position) => anyOf.length === 0 || anyOf.includes(log.topics[position] as Hex))
}

/** Whether a block with this bloom can hold a matching log: false is certain. */
export function bloomMatches({ addresses, topics }: LogCriteria, bloom: Hex): boolean {
  const bits = fromHex(bloom)
  const holdsOne = (wanted: readonly Hex[]): boolean =>
    wanted.length === 0 || wanted.some((entry) => bloomMayContain(bits, fromHex(entry)))
  return holdsOne(addresses) && topics.every(holdsOne)
}
