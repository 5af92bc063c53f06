import { keccak256 } from '@zerog/evm'
import { fromHex, type Hex } from '@zerog/primitives'
import type { ChainBackend, Log, StoredBlock } from '../../app/chain-backend.ts'
import type { LogCriteria } from './codecs/log-filter.ts'
import { limitExceeded } from './errors.ts'
import { type FormattedLog, formatLog } from './format/receipt.ts'

export type LogMatch = Pick<LogCriteria, 'addresses' | 'topics'>

/** Heights scanned before other requests get their turn. */
const SCAN_STEP = 1_000n

/** All logs between two heights, ends included, in order. Throws when there are more than `logsMax` or the signal aborts. */
export async function scanLogs(
  backend: ChainBackend,
  match: LogMatch,
  options: { readonly from: bigint; readonly to: bigint; readonly logsMax: number; readonly signal: AbortSignal },
): Promise<readonly FormattedLog[]> {
  const mayMatch = bloomTest(match)
  const found: FormattedLog[] = []
  for (let from = options.from; from <= options.to; from += SCAN_STEP) {
    options.signal.throwIfAborted()
    const to = from + SCAN_STEP - 1n < options.to ? from + SCAN_STEP - 1n : options.to
    for (const block of backend.blocksWithLogs({ fromHeight: from, toHeight: to, mayMatch })) {
      for (const log of logsOf(block, match)) found.push(log)
      if (found.length > options.logsMax) throw limitExceeded(`query returned more than ${options.logsMax} results`)
    }
    if (to < options.to) await new Promise(setImmediate)
  }
  return found
}

/** The logs of one block that match. */
export function logsOf(block: StoredBlock, match: LogMatch): readonly FormattedLog[] {
  const found: FormattedLog[] = []
  let logIndex = 0
  block.receipts.forEach((receipt, transactionIndex) => {
    for (const log of receipt.logs) {
      if (matches(log, match)) found.push(formatLog(log, { block, transactionIndex, logIndex }))
      logIndex++
    }
  })
  return found
}

function matches(log: Log, { addresses, topics }: LogMatch): boolean {
  if (addresses.length > 0 && !addresses.includes(log.address)) return false
  // A filter that names more positions than the log has does not match, even by wildcards.
  if (topics.length > log.topics.length) return false
  return topics.every((anyOf, position) => anyOf.length === 0 || anyOf.includes(log.topics[position] as Hex))
}

/** Whether a block's bloom filter admits a match: false is certain, true is not. */
export function bloomTest({ addresses, topics }: LogMatch): (bloom: Hex) => boolean {
  const groups = [addresses, ...topics].filter((group) => group.length > 0).map((group) => group.map(bloomBits))
  return (bloom) => groups.every((group) => group.some((bits) => bits.every((bit) => hasBit(bloom, bit))))
}

/** The three bits (0 is the last of the 2,048) that a value sets: yellow paper, section 4.3.1. */
function bloomBits(value: Hex): readonly number[] {
  const hash = keccak256(fromHex(value))
  return [0, 2, 4].map((at) => (((hash[at] as number) << 8) | (hash[at + 1] as number)) & 2047)
}

function hasBit(bloom: Hex, bit: number): boolean {
  const digit = Number.parseInt(bloom.charAt(bloom.length - 1 - (bit >> 2)), 16)
  return ((digit >> (bit & 3)) & 1) === 1
}
