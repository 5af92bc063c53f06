import type { Hex } from '@zerog/primitives'
import { hexOrDecimal, rawBytes } from '../codecs/hex.ts'
import { CODE, JsonRpcError } from '../errors.ts'
import { formatReceipt } from '../format/receipt.ts'
import {
  decodeParams,
  type ManyMethod,
  type Method,
  type MethodContext,
  method,
  type Outcome,
  optional,
  required,
} from '../method.ts'
import { untilShown } from '../until-shown.ts'

/** Signed transactions in. A hash that was returned is durable in the pool. */
export const ethSendMethods: Readonly<Record<string, Method>> = {
  eth_sendRawTransaction: method([required(rawBytes)], async ({ backend, sent }, raw) => {
    const hash = await backend.submit(raw)
    sent.push(hash)
    return hash
  }),
  // EIP-7966: the receipt in one round trip.
  eth_sendRawTransactionSync: method([required(rawBytes), optional(hexOrDecimal)], async (context, raw, timeoutMs) => {
    const { syncWaitMs, syncWaitMaxMs } = context.limits
    const waitMs = timeoutMs === undefined || timeoutMs === 0n ? syncWaitMs : Math.min(Number(timeoutMs), syncWaitMaxMs)
    return sendAndWait(context, raw, waitMs)
  }),
}

const RAW = [required(rawBytes)] as const

/** A batch of transactions shares the recovery of its senders and one sync. */
export const ethSendManyMethods: Readonly<Record<string, ManyMethod>> = {
  eth_sendRawTransaction: async ({ backend, sent }, params) => {
    const outcomes: Outcome[] = []
    const raws: Uint8Array[] = []
    const places: number[] = []
    for (const [index, given] of params.entries()) {
      try {
        const [raw] = decodeParams(RAW, given)
        raws.push(raw)
        places.push(index)
      } catch (error) {
        outcomes[index] = { error }
      }
    }
    for (const [at, submitted] of (await backend.submitAll(raws)).entries()) {
      const index = places[at] as number // one outcome for each of `raws`
      if ('hash' in submitted) sent.push(submitted.hash)
      outcomes[index] = 'hash' in submitted ? { result: submitted.hash } : submitted
    }
    return outcomes
  },
}

async function sendAndWait(context: MethodContext, raw: Uint8Array, waitMs: number): Promise<unknown> {
  const hash = await context.backend.submit(raw)
  const located = await untilShown(hash, waitMs, context)
  if (located === undefined) throw stillPending(hash, waitMs)
  return formatReceipt(located.block, located.index, located.logIndexFirst)
}

function stillPending(hash: Hex, waitMs: number): JsonRpcError {
  const message = `The transaction was added to the transaction pool but wasn't processed in ${waitMs} ms`
  return new JsonRpcError(CODE.syncTimeout, message, hash)
}
