import { fromHex, type Hex } from '@zerog/primitives'
import { bytes, hexOrDecimal } from '../codecs/hex.ts'
import { CODE, JsonRpcError } from '../errors.ts'
import { formatReceipt } from '../format/receipt.ts'
import { type Method, type MethodContext, method, optional, required } from '../method.ts'
import { untilShown } from '../until-shown.ts'

/** Signed transactions in. A hash that was returned is durable in the pool. */
export const ethSendMethods: Readonly<Record<string, Method>> = {
  eth_sendRawTransaction: method([required(bytes)], async ({ backend, sent }, raw) => {
    const hash = await backend.submit(fromHex(raw))
    sent.push(hash)
    return hash
  }),
  // EIP-7966: the receipt in one round trip.
  eth_sendRawTransactionSync: method([required(bytes), optional(hexOrDecimal)], async (context, raw, timeoutMs) => {
    const { syncWaitMs, syncWaitMaxMs } = context.limits
    const waitMs = timeoutMs === undefined || timeoutMs === 0n ? syncWaitMs : Math.min(Number(timeoutMs), syncWaitMaxMs)
    return sendAndWait(context, fromHex(raw), waitMs)
  }),
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
